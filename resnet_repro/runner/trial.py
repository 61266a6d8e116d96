"""Tries what files of the user add to the package, and turns their errors into one line that names file and line."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from resnet_repro.errors import ReproError, SpecError, summary_of
from resnet_repro.models.build import build
from resnet_repro.probes import PROBES
from resnet_repro.probes.activations import read_forward
from resnet_repro.runner.imported import TABLES, place_of
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.spec.model import CLASSES, LAYERS_OF_BLOCK
from resnet_repro.spec.own import Use, uses


@contextmanager
def blamed(used: Sequence[Use], kind: type[ReproError] = SpecError) -> Iterator[None]:
    """Turn an error inside, where names of the user's files are `used`, into one line of this `kind`."""
    try:
        yield
    except ReproError:
        raise
    except Exception as error:
        if not used:
            raise
        rows = (f"{TABLES[use.field].name}[{use.name!r}] {TABLES[use.field].use}" for use in used)
        raise kind(f"{place_of(error, [use.file for use in used])}: {summary_of(error)}; {'; '.join(rows)}") from error


def try_out(experiments: Iterable[Experiment]) -> None:
    """Try each net that has something of the user's, at its smallest depth: forward, backward, and its own probes.

    So a mistake in a file of the user is found before any run starts. Raises SpecError.
    """
    tried: set[object] = set()
    for experiment in experiments:
        used = [use for use in uses(experiment) if use.field != "data.dataset"]
        model = experiment.model.model_copy(
            update={"depth": 3 * LAYERS_OF_BLOCK[experiment.model.block] + 2, "batch_norm_splits": 1,
                    "batch_norm_sync": False}
        )  # fmt: skip
        if used and (key := (model, experiment.probes)) not in tried:
            tried.add(key)
            with blamed(used):
                _try_out(model, experiment, [use.name for use in used if use.field == "probes.measure"])


def _try_out(model: ModelSpec, experiment: Experiment, probes: Sequence[str]) -> None:
    net = build(model, torch.Generator().manual_seed(0))
    images = torch.ones(3, 3, 32, 32)
    logits = net(images)
    if logits.shape != (3, CLASSES):
        raise ValueError(f"the net gives {tuple(logits.shape)} for 3 images, not (3, {CLASSES})")
    logits.sum().backward()
    points = {name: PROBES[name](net, experiment.probes) for name in probes}
    with torch.no_grad():
        list(read_forward(points, lambda: net.eval()(images)))
