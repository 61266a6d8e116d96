"""Reads a finished run and its weights again: only safetensors, with the names, types and shapes of the run's net."""

import hashlib
import os
import shlex
from pathlib import Path

import torch
from safetensors import SafetensorError, deserialize
from safetensors.torch import load
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.errors import RunError
from resnet_repro.files import read_bytes
from resnet_repro.models.network import Network
from resnet_repro.nearest import did_you_mean, nearest_paths
from resnet_repro.record.finding import find_runs
from resnet_repro.record.imported import check_same
from resnet_repro.record.run import SPEC, WEIGHTS, Run, read_run
from resnet_repro.runner.assembly import build_net
from resnet_repro.runner.trial import try_out
from resnet_repro.spec.explain import short
from resnet_repro.spec.own import check_known, used_files
from resnet_repro.text_tables import counted

TYPES = {torch.float32: "F32", torch.int64: "I64"}  # safetensors' names; BN counts its updates in int64
LARGEST_HEADER = 10_000_000  # bytes of names, types and shapes; ours have a few thousand
Layout = dict[str, tuple[str, tuple[int, ...]]]  # the type and shape of each tensor, by its name


def read_finished(folder: Path) -> Run:
    """The run in `folder`. Raises RunError, with what to do, if there is none or if it has not finished."""
    if not (folder / SPEC).is_file():
        below = find_runs(folder) if folder.is_dir() else []
        like = [] if below else nearest_paths(folder, lambda other: os.path.isfile(other / SPEC))
        example = below[0] if below else "results/NAME/seed-0"
        remedy = did_you_mean(like) or f"; name one, such as {example}"
        raise RunError(f"{folder}: is not a run folder, as it holds no {SPEC}{remedy}")
    run = read_run(folder)
    steps = f"{run.final.step if run.final else 0} of {counted(run.experiment.training.steps, 'step')}"
    if run.status == "diverged":
        raise RunError(f"{folder}: the run diverged after {steps} and has no final weights; name one that finished")
    if run.status != "finished":
        raise RunError(
            f"{folder}: the run has not finished ({steps} recorded), so it has no final weights; "
            f"resume it with '{training_command(run)}'"
        )
    return run


def load_net(run: Run) -> Network:
    """The run's net on the CPU, in evaluation mode, with its final weights. Raises as `load_with_digest`."""
    return load_with_digest(run)[0]


def load_with_digest(run: Run) -> tuple[Network, str]:
    """The run's net as from `load_net`, and the SHA-256 of the file with its weights.

    Raises RunError if the weights are missing, damaged, or of another net, and SpecError or RunError if it needs a file
    of the user's own that was not imported, or is another.
    """
    for name, section in (("model", run.experiment.model), ("data", run.experiment.data)):
        check_known(section, name, run.path / SPEC)
    check_same(run.path, run.environment, used_files(run.experiment), "")
    try_out([run.experiment])
    net = build_net(run.experiment)
    tensors, digest = _read(run, net.state_dict())
    net.load_state_dict(tensors)
    return net.eval(), digest


def same_data(run: Run, dataset: Dataset) -> tuple[bool | None, bool | None]:
    """Whether all images are those of the run, and whether the training images are; None, None if it recorded neither.

    Compares the whole training and test sets: the spec determines which images are held out for validation.
    """
    recorded = run.digest  # of the training images, then of the test images
    return (
        (recorded == dataset.digest, recorded.split()[:1] == dataset.digest.split()[:1]) if recorded else (None, None)
    )


def _read(run: Run, expected: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """The run's tensors by name, and the SHA-256 of their file.

    None is read before the file's header was compared with `expected`.
    """
    path = run.path / WEIGHTS
    again = shlex.join(["resnet-repro", "train", str(run.path / SPEC), "--results", "again"])
    remedy = f"train the run again, beside this one, with '{again}'"
    if not path.exists():
        raise RunError(f"{path}: there is no such file, as weights are not committed; {remedy}")
    if not path.is_file():
        raise RunError(f"{path}: is not a regular file; restore it, or {remedy}")
    if path.stat().st_size > (largest := sum(tensor.nbytes for tensor in expected.values()) + LARGEST_HEADER):
        raise RunError(f"{path}: is too large for the net in {SPEC}; restore it, or {remedy}")
    try:
        content = read_bytes(path, largest)  # safetensors itself opens no path that is not UTF-8
        layout = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in deserialize(content)}
        if fault := _difference(layout, {name: (TYPES[t.dtype], tuple(t.shape)) for name, t in expected.items()}):
            raise RunError(f"{path}: does not fit the net in {SPEC}: {fault}; restore it, or {remedy}")
        tensors = load(content)
    except SafetensorError as error:
        reason = short(str(error))
        raise RunError(f"{path}: is damaged, or not a safetensors file ({reason}); restore it, or {remedy}") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise RunError(f"{path}: is damaged: {name} holds values that are not finite; restore it, or {remedy}")
    return tensors, hashlib.sha256(content).hexdigest()


def _difference(found: Layout, expected: Layout) -> str | None:
    """The first difference of a file's layout from a net's, in the order of the layers; None if there is none."""
    for name, kind in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != kind:
            (its_type, its_shape), (our_type, our_shape) = found[name], kind
            return f"{name} is {its_type} of shape {its_shape}, the net's is {our_type} of shape {our_shape}"
    extra = sorted(found.keys() - expected.keys())
    return f"the net has no {short(extra[0])}" if extra else None


def training_command(run: Run) -> str:
    """The command that resumes this run, in its own folder if that is <results>/<name>/seed-<k>."""
    parts = Path(run.experiment.label).parts
    usual = run.path.parts[-len(parts) :] == parts
    results = run.path.parents[len(parts) - 1] if usual else Path("results")
    return shlex.join(["resnet-repro", "train", str(run.path / SPEC), "--results", str(results)])
