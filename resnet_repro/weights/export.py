"""Exports the net of a finished run: weights, preprocessing, a program that torch runs, and a model card."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from resnet_repro import __version__
from resnet_repro.data import CLASSES
from resnet_repro.data.batches import Normalization
from resnet_repro.errors import DataError, RunError, printable
from resnet_repro.files import check_within, explained, make_folder, read_json, replacing, to_json
from resnet_repro.models.network import Network
from resnet_repro.record.imported import discard_copies
from resnet_repro.record.run import ENVIRONMENT, SPEC, Run
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.finished import load_net, read_finished, same_data
from resnet_repro.spec.file import dump_spec
from resnet_repro.spec.naming import net_name
from resnet_repro.spec.own import IMPORTED, used_files
from resnet_repro.weights.card import CONFIG, MODEL, PREPROCESSING, PROGRAM, README, model_card
from resnet_repro.weights.program import FromBytes, exported

MADE_BY = "resnet-repro export"  # in config.json, marks a folder as an export
# Not the command, which may name private folders.
EXPORTED_KEYS = ("device_name", "precision", "python", "platform", "versions", "git")
ELSEWHERE = "choose another OUTPUT or make room there"


def export_run(folder: Path, output: Path, data_dir: Path) -> Iterator[Path]:
    """Write the net of the run in `folder` into `output`, and yield the path of each file written.

    Replaces an earlier export; refuses a folder with any other files. The data set is needed once, for the per-pixel
    mean, which the export then holds. Raises RunError, SpecError or DataError.
    """
    run = read_finished(folder)
    _check_free(output)
    net = load_net(run)
    normalization = _normalization(run, data_dir)
    files = _contents(run, net, normalization)
    make_folder(output, ELSEWHERE)
    discard_copies(output, ELSEWHERE)  # of an earlier export, which this one may not need
    for name, content in files.items():
        path = output / name
        check_within(path.parent, output)
        make_folder(path.parent, ELSEWHERE)
        with replacing(path, otherwise=ELSEWHERE) as file:
            file.write(content)
        yield path


def _check_free(output: Path) -> None:
    """Raise RunError unless `output` is missing, empty or an earlier export."""
    if output.exists() and not output.is_dir():
        raise RunError(f"{output}: is not a folder; choose another OUTPUT")
    with explained(output, ELSEWHERE):
        if output.is_dir() and any(output.iterdir()) and not _is_export(output):
            raise RunError(f"{output}: holds files that export did not make; choose another OUTPUT, or empty it")


def _is_export(output: Path) -> bool:
    try:
        return (read_json(output / CONFIG) or {}).get("made_by") == MADE_BY
    except RunError:
        return False


def _normalization(run: Run, data_dir: Path) -> Normalization:
    """The normalisation of the run's images. Raises RunError if `data_dir` has other training images, or DataError."""
    try:
        dataset = Datasets(data_dir).load(run.experiment.data)
    except DataError as error:
        raise DataError(f"export needs the run's training images, for their per-pixel mean: {error}") from None
    _, same_training_data = same_data(run, dataset)
    if same_training_data is None:
        raise RunError(
            f"{run.path / ENVIRONMENT}: holds no digest of the run's data, whose per-pixel mean the net needs; "
            "restore the file"
        )
    if not same_training_data:
        raise RunError(
            f"{data_dir}: holds other training images than the run's, whose per-pixel mean the net needs; "
            "name the folder of its data with --data-dir"
        )
    return Normalization(dataset.train, torch.device("cpu"))


def _contents(run: Run, net: Network, normalization: Normalization) -> dict[str, bytes]:
    """The files by name. config.json, which marks an export, comes first: an interrupted export can be repeated."""
    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    parameters = sum(parameter.numel() for parameter in net.parameters())
    with_preprocessing = FromBytes(net, normalization)
    preprocessing = {"mean": with_preprocessing.mean, "scale": torch.tensor(normalization.scale)}
    files = {
        MODEL: save(weights, metadata=_header(run)),
        PREPROCESSING: save(preprocessing, metadata={"format": "pt"}),
        PROGRAM: exported(with_preprocessing),
        SPEC: dump_spec(run.experiment).encode(),
        README: model_card(run, parameters).encode(),
        **{f"{IMPORTED}/{file.name}": file.content for file in used_files(run.experiment)},
    }
    config = {
        **_config(run, parameters, normalization.scale),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return {CONFIG: to_json(config).encode(), **files}


def _config(run: Run, parameters: int, scale: float) -> dict[str, Any]:
    assert run.final is not None
    return {
        "made_by": MADE_BY,
        "version": __version__,
        "name": run.experiment.name,
        "seed": run.experiment.seed,
        "net": net_name(run.experiment.model),
        "parameters": parameters,
        "classes": list(CLASSES[run.experiment.data.dataset]),
        "input": "uint8 (N, 3, 32, 32), red, green, blue, 0 to 255",
        "output": f"float32 (N, {len(CLASSES[run.experiment.data.dataset])}), logits",
        "preprocessing": {"formula": "(images - mean) * scale", "mean": f"in {PREPROCESSING}", "scale": scale},
        "data": {**run.data, "exact": run.is_cifar10},
        "final": asdict(run.final),
        "spec": run.experiment.model_dump(mode="json"),
        "environment": {key: run.environment.get(key) for key in EXPORTED_KEYS},
    }


def _header(run: Run) -> dict[str, str]:
    """The metadata in the weights' file; safetensors allows only text."""
    assert run.final is not None
    data, git = run.data, run.environment.get("git") or {}
    facts = {
        "made_by": f"{MADE_BY} {__version__}",
        "net": net_name(run.experiment.model),
        "run": run.experiment.label,
        "steps": run.final.step,
        "test_error_pct": run.final.test_error_pct,
        "data": data.get("name"),
        "data_digest": data.get("digest"),
        "commit": git.get("commit"),
    }
    return {"format": "pt", **{key: printable(str(value)) for key, value in facts.items() if value is not None}}
