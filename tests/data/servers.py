"""HTTP servers on this machine that behave well or badly."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[[BaseHTTPRequestHandler], object]


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up."""


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """The address of an archive whose server answers each request with `respond`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_arguments: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"
        finally:
            server.shutdown()
            thread.join()


def sending(content: bytes, announced: int | None = None, pieces: int = 1, pause: float = 0) -> Respond:
    """Answer with `content` under a Content-Length of `announced`, in pieces with pauses after them."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(announced or len(content)))
        handler.end_headers()
        size = -(-len(content) // pieces)
        for start in range(0, len(content), size):
            handler.wfile.write(content[start : start + size])
            handler.wfile.flush()
            time.sleep(pause)

    return respond


@dataclass
class Resuming:
    """Answers requests for parts of `content`; each connection ends at the next of `ends`, the last at the end."""

    content: bytes
    ends: Sequence[int] = ()
    pause: float = 0  # seconds after each 1,000 bytes
    version: str = '"1"'
    heeds_if_range: bool = True
    asked: list[Message] = field(default_factory=list)  # the headers of each request

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.headers)
        end = self.ends[len(self.asked) - 1] if len(self.asked) <= len(self.ends) else len(self.content)
        begin = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if self.heeds_if_range and handler.headers["If-Range"] not in (None, self.version):
            begin = 0
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(self.content) - begin))
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("ETag", self.version)
        handler.end_headers()
        size = 1000 if self.pause else len(self.content)
        for start in range(begin, end, size):
            handler.wfile.write(self.content[start : min(start + size, end)])
            handler.wfile.flush()
            time.sleep(self.pause)

    def ranges(self) -> list[str | None]:
        return [headers["Range"] for headers in self.asked]
