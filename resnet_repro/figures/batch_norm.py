"""Training error with and without batch normalisation, for each net that was trained both ways, as in [B] Fig. 1a."""

from collections import defaultdict

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import ABOUT_RUNNING, Caption
from resnet_repro.figures.contrasts import Contrast, draw_contrasts
from resnet_repro.figures.curve_lines import about_seeds
from resnet_repro.figures.style import WEB, Style
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.naming import INITIALIZATION_NAMES, net_name, value_name

# What may differ between the lines of a panel: normalisation, and initialisation, which nets without BN depend on.
USUAL = {
    name: value
    for name, value in ModelSpec(depth=20)
    if name.startswith(("normalization", "batch_norm", "initialization", "classifier_initialization"))
}


def draw_batch_norm(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each net that was trained both ways; None if there is none."""
    contrast = Contrast("With and without batch normalisation", _has_bn, _label)
    return draw_contrasts(group, style, contrast, _pairs(group))


def caption_batch_norm(group: Group) -> Caption:
    entries = [entry for pair in _pairs(group).values() for entry in pair]
    return Caption(
        "Training error with and without batch normalisation over the iterations of training, a panel for each net "
        "that was trained both ways.",
        "Solid blue lines are nets with batch normalisation (BN), dashed lines nets without. The label of a line gives "
        f"the initialisation of the convolutions and the learning rate. {ABOUT_RUNNING}{about_seeds(entries)}",
        entries,
    )


def _pairs(group: Group) -> dict[str, list[Entry]]:
    """The entries of each panel, by its title: one net, trained with and without batch normalisation."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in group.entries:
        model = entry.model
        if model.shortcut in ("none", "identity") and model.unit == "original" and model.dropout == 0:
            found[net_name(model.model_copy(update=USUAL))].append(entry)
    return {name: entries for name, entries in found.items() if len({_has_bn(entry) for entry in entries}) == 2}


def _has_bn(entry: Entry) -> bool:
    return entry.model.normalization == "batch"


def _label(entry: Entry) -> str:
    initialization = value_name(entry.model.initialization, {"he": "He", **INITIALIZATION_NAMES})
    return f"{'BN' if _has_bn(entry) else 'no BN'}, {initialization}, {entry.training.learning_rate:g}"
