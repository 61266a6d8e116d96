"""A finished run and its weights, read strictly: safetensors alone, with the names and shapes of the run's own net."""

import shlex
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.errors import RunError
from resnet_repro.files import explained
from resnet_repro.models.network import Network
from resnet_repro.record.run import SPEC, WEIGHTS, Run, find_runs, read_run
from resnet_repro.runner.assembly import build_net
from resnet_repro.spec.explain import short

TYPES = {torch.float32: "F32", torch.int64: "I64"}  # as safetensors calls them; BN counts in whole numbers
Kinds = dict[str, tuple[str, tuple[int, ...]]]  # by a tensor's name, its type and shape


def read_finished(folder: Path) -> Run:
    """The run in `folder`. Raises RunError, with the way on, if there is none or if it has not finished."""
    if not (folder / SPEC).is_file():
        below = find_runs(folder) if folder.is_dir() else []
        example = below[0] if below else "results/NAME/seed-0"
        raise RunError(f"{folder}: is not the folder of a run, as it holds no {SPEC}; name one, such as {example}")
    run = read_run(folder)
    steps = f"{run.final.step if run.final else 0} of {run.experiment.training.steps} steps"
    if run.status == "diverged":
        raise RunError(f"{folder}: the run diverged after {steps} and has no final weights; name one that finished")
    if run.status != "finished":
        raise RunError(
            f"{folder}: the run has not finished ({steps} recorded), so it has no final weights; "
            f"go on with '{_training(run)}'"
        )
    return run


def load_net(run: Run) -> Network:
    """The run's net on the CPU in evaluation mode, with its final weights. Raises RunError if they are not whole."""
    net = build_net(run.experiment)
    net.load_state_dict(_read(run, net.state_dict()))
    return net.eval()


def recorded_data(run: Run) -> dict[str, Any]:
    """Name, exactness and digest of what the run was trained and tested on, as far as it recorded them."""
    return dict(run.environment.get("data") or run.summary.get("data") or {})


def same_data(run: Run, dataset: Dataset) -> tuple[bool | None, bool | None]:
    """Whether all images are those of the run, and whether those it was trained on are; None if it recorded none.

    Both count before validation images are held out, which the spec does always in the same way.
    """
    recorded = recorded_data(run).get("digest")  # of the training images, then of the test images
    return (
        (recorded == dataset.digest, recorded.split()[:1] == dataset.digest.split()[:1]) if recorded else (None, None)
    )


def _read(run: Run, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Its tensors, none of which is read before the header is known to be that of this net."""
    path = run.path / WEIGHTS
    again = shlex.join(["resnet-repro", "train", str(run.path / SPEC), "--results", "again"])
    remedy = f"train the run again, beside this one, with '{again}'"
    if not path.is_file():
        raise RunError(f"{path}: there is no such file, as weights are not committed; {remedy}")
    try:
        with explained(path), safe_open(path, framework="pt") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            kinds = {name: (entry.get_dtype(), tuple(entry.get_shape())) for name, entry in found.items()}
            if fault := _foreign(kinds, {name: (TYPES[t.dtype], tuple(t.shape)) for name, t in expected.items()}):
                raise RunError(f"{path}: is not of the net in {SPEC}: {fault}; restore it, or {remedy}")
            tensors = {name: file.get_tensor(name) for name in expected}
    except SafetensorError as error:
        reason = short(str(error))
        raise RunError(f"{path}: is damaged, or no safetensors file ({reason}); restore it, or {remedy}") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise RunError(f"{path}: is damaged: {name} holds values that are not finite; restore it, or {remedy}")
    return tensors


def _foreign(found: Kinds, expected: Kinds) -> str | None:
    """How a file's names, types and shapes differ from a net's: the first difference, in the order of its layers."""
    for name, kind in expected.items():
        if name not in found:
            return f"it lacks {name}"
        if found[name] != kind:
            (its_type, its_shape), (our_type, our_shape) = found[name], kind
            return f"{name} is {its_type} of shape {its_shape}, where the net has {our_type} of {our_shape}"
    extra = sorted(found.keys() - expected.keys())
    return f"it holds {short(extra[0])}, which the net has not" if extra else None


def _training(run: Run) -> str:
    """The command that trains this run, into its own folder where that has the usual place."""
    parts = Path(run.experiment.label).parts
    usual = run.path.parts[-len(parts) :] == parts
    results = run.path.parents[len(parts) - 1] if usual else Path("results")
    return shlex.join(["resnet-repro", "train", str(run.path / SPEC), "--results", str(results)])
