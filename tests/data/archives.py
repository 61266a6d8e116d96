"""A small archive that is taken for the official one."""

import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest

from resnet_repro.data import cifar10, fetch, places
from resnet_repro.data.torchvision import import_torchvision

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
IMAGES_A_FILE = 20


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def make_official(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take an archive for the official one, by its size and MD5, and keep the test off the network."""
    monkeypatch.setitem(places.ARCHIVES, places.PYTHON_ARCHIVE, (places.PYTHON_FOLDER, md5(archive)))
    monkeypatch.setattr(fetch, "SIZE", len(archive))
    monkeypatch.setattr(fetch, "SOURCES", ("http://127.0.0.1:9/never-asked",))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def some_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(NAMES), IMAGES_A_FILE, 3072), np.uint8)


def official_archive(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An archive of 370 kB in the Python layout, taken for the official one."""
    labels = [number % 10 for number in range(IMAGES_A_FILE)]
    files = {name: pickle.dumps({"data": part, "labels": labels}) for name, part in zip(NAMES, images, strict=True)} | {
        "batches.meta": pickle.dumps({"label_names": list(cifar10.CLASSES)})
    }
    archive = tar_of({f"cifar-10-batches-py/{name}": content for name, content in files.items()})
    make_official(archive, monkeypatch)
    official = import_torchvision().datasets.CIFAR10
    monkeypatch.setattr(official, "train_list", [[name, md5(files[name])] for name in NAMES[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5(files["batches.meta"])})
    return archive
