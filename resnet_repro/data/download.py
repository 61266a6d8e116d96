"""Downloads a file from one address by HTTP, unless it is too slow, and resumes what there is of the file already."""

import hashlib
import io
import math
import os
import re
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from resnet_repro.errors import DataError, reason_of

TRIAL = 10.0  # seconds over which the rate of an address is measured
SILENCE = 20.0  # seconds without a connection or without a byte, after which a connection is given up
UNPACKED = {"Accept-Encoding": "identity"}
CONNECTIONS = 10  # to one address at most, each of which resumes where the one before broke off


class SlowError(DataError):
    """An address that is too slow, with the time that the rest of the file would take."""

    def __init__(self, url: str, rate: float, left: int) -> None:
        self.seconds = left / rate
        self.estimate = f"about {math.ceil(self.seconds / 60)} min at {rate / 1000:,.0f} kB/s from {host_of(url)}"
        super().__init__(f"{url}: sends only {rate / 1000:,.0f} kB/s")


class Wanted(NamedTuple):
    """A file that is open to append, what it should become, and whom to tell."""

    file: io.BufferedRandom
    size: int
    md5: str
    report: Callable[[str, int], None]  # gets the host, and how many bytes there are
    longest: float = math.inf  # seconds that the download may take

    def length(self) -> int:
        return self.file.seek(0, os.SEEK_END)

    def found_md5(self) -> str:
        self.file.seek(0)
        return hashlib.file_digest(self.file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def new_client() -> httpx.Client:
    """Raises DataError if a proxy that the environment names cannot be used."""
    trusted = httpx.create_ssl_context(trust_env=False)
    trusted.load_default_certs()  # those of the system too, or of SSL_CERT_FILE: a school may have its own
    try:
        return httpx.Client(headers=UNPACKED, follow_redirects=True, timeout=SILENCE, verify=trusted)
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        raise DataError(f"the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: {error}") from None


def download(client: httpx.Client, url: str, wanted: Wanted, enough: float) -> None:
    """Complete a file from one address. The bytes that it holds already are kept; its MD5 proves them with the others.

    Raises SlowError if the address sends less than `enough` bytes a second or would take longer than allowed,
    DataError if it does not send the file, and OSError if the file cannot be written.
    """
    try:
        _Transfer(client, url, wanted, enough).complete()
    except httpx.HTTPStatusError as error:
        raise DataError(f"{url}: {error.response.status_code} {error.response.reason_phrase}") from None
    except httpx.TimeoutException:
        raise DataError(f"{url}: no answer for {SILENCE:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise DataError(f"{url}: {reason_of(error)}") from None


class _Transfer:
    """What one address sends over several connections, with the server's name for the version of its file."""

    def __init__(self, client: httpx.Client, url: str, wanted: Wanted, enough: float) -> None:
        self.client, self.url, self.wanted, self.enough = client, url, wanted, enough
        self.version, self.received, self.since = "", 0, 0.0

    def complete(self) -> None:
        """Receive the rest of the file. Raises SlowError, httpx.HTTPError or ValueError."""
        failure: Exception = ValueError("it sends nothing")
        for _ in range(CONNECTIONS):
            had, whole = self.wanted.length(), False
            if had < self.wanted.size:
                try:
                    whole = self._receive(had)
                except httpx.TransportError as error:
                    failure = error
            if (has := self.wanted.length()) >= self.wanted.size:
                if (found := self.wanted.found_md5()) == self.wanted.md5:
                    return
                self.wanted.file.truncate(0)
                failure = ValueError(f"not the official file: expected MD5 {self.wanted.md5}, found {found}")
            if whole or has == had < self.wanted.size:  # else wrong bytes may have come from elsewhere
                break
        raise failure

    def _receive(self, at: int) -> bool:
        """Append what one connection sends. Returns whether it sent the whole file, and not only what follows `at`.

        A server that cannot resume sends the whole file. Its bytes are compared with those that are there already, so
        that nothing is lost if it breaks off sooner, and written from the first difference on.
        """
        size, file = self.wanted.size, self.wanted.file
        headers = {"Range": f"bytes={at}-"} if at else {}
        if at and self.version:
            headers["If-Range"] = self.version
        with self.client.stream("GET", self.url, headers=headers) as response:
            response.raise_for_status()
            whole = response.status_code != httpx.codes.PARTIAL_CONTENT
            name, form = ("Content-Length", f"{size}") if whole else ("Content-Range", rf"bytes {at}-\d+/{size}")
            said = response.headers.get(name, "" if at else f"{size}")
            if not re.fullmatch(form, said):
                raise ValueError(f"it does not offer a file of {size:,} bytes ({name}: {said or 'none'})")
            before, self.version = self.version, response.headers.get("ETag", response.headers.get("Last-Modified", ""))
            if not whole and before not in ("", self.version):
                file.truncate(0)  # the server's file has changed between two parts
                return False
            file.seek(0 if whole else at)
            self.since = self.since or time.monotonic()
            for chunk in response.iter_raw():
                self._write(chunk)
        if (position := file.tell()) < size:
            raise httpx.ReadError(f"it ends after {position:,} of {size:,} bytes")
        return whole

    def _write(self, chunk: bytes) -> None:
        size, file = self.wanted.size, self.wanted.file
        here = file.read(len(chunk))
        if here != chunk:
            position = file.seek(-len(here), os.SEEK_CUR)
            if position + len(chunk) > size:
                raise ValueError(f"it sends more than {size:,} bytes")
            file.truncate(position)
            file.write(chunk)
        self.wanted.report(host_of(self.url), file.tell())
        self.received += len(chunk)
        if (seconds := time.monotonic() - self.since) >= TRIAL:
            slow = SlowError(self.url, self.received / seconds, size - file.tell())
            if self.received / seconds < self.enough or slow.seconds > self.wanted.longest:
                raise slow
            self.received, self.since = 0, time.monotonic()


def host_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
