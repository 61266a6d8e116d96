"""evaluate refuses damaged, foreign and hostile weights in one line that says what to do."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Cli
from finished_runs import finished, refused
from safetensors.torch import load, save


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("results"))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"head.bias": 3}))


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def torch_saved(path: Path) -> None:
    torch.save(load(path.read_bytes()), path)


def changed(**tensors: torch.Tensor | None) -> Callable[[Path], None]:
    """Damage that replaces or adds tensors; None removes one."""

    def change(path: Path) -> None:
        named = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
        whole = {**load(path.read_bytes()), **named}
        path.write_bytes(save({name: tensor for name, tensor in whole.items() if tensor is not None}))

    return change


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is damaged, or not a safetensors file"),
    "enormous header": (lambda path: path.write_bytes(b"\xff" * 64), "is damaged, or not a safetensors file"),
    "truncated": (truncated, "is damaged, or not a safetensors file"),
    "pickle": (pickled, "is damaged, or not a safetensors file"),
    "torch.save": (torch_saved, "is damaged, or not a safetensors file"),
    "shape": (changed(head__weight=torch.zeros(10, 17)), "head.weight is F32 of shape (10, 17), the net's is F32"),
    "type": (changed(head__bias=torch.zeros(10, dtype=torch.float16)), "head.bias is F16 of shape (10,)"),
    "missing": (changed(stem__conv1__weight=None), "stem.conv1.weight is missing"),
    "extra": (changed(evil=torch.zeros(1)), "the net has no 'evil'"),
    "nan": (changed(head__bias=torch.full((10,), torch.nan)), "head.bias holds values that are not finite"),
    "infinite": (changed(head__bias=torch.full((10,), torch.inf)), "head.bias holds values that are not finite"),
    "folder": (as_folder, "is not a regular file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_weights_are_refused_in_one_line(cli: Cli, trained: Path, tmp_path: Path, kind: str) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))
    damage, fragment = HOSTILE[kind]
    damage(run / "weights.safetensors")
    message = refused(cli, "evaluate", run, "--device", "cpu")
    assert fragment in message
    assert "--results again'" in message
