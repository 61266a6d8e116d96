"""Training error by how the classifier's first weights were drawn, for each net that was trained in several ways."""

from collections import defaultdict

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.contrasts import Contrast, draw_contrasts
from resnet_repro.figures.probed import averaged
from resnet_repro.figures.style import WEB, Style
from resnet_repro.spec import ModelSpec, TrainingSpec
from resnet_repro.spec.model import default_classifier
from resnet_repro.spec.naming import CLASSIFIER_NAMES, net_name


def draw_classifier(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each net that was trained from several kinds of classifier; None where none was."""
    contrast = Contrast("First weights of the classifier", _is_default, _label)
    return draw_contrasts(group, style, contrast, _panels(group))


def caption_classifier(group: Group) -> Caption:
    entries = [entry for panel in _panels(group).values() for entry in panel]
    return Caption(
        "Training error over the iterations of training, a panel for each net whose classifier was drawn in several "
        "ways.",
        "Solid blue lines start from the default, uniform in plus or minus one over the square root of the inputs as "
        "in the authors' released code; dashed lines start otherwise, as named at their ends. Nothing else differs. "
        f"Training error is the running one, on augmented images.{averaged(entries)}",
        entries,
    )


def _panels(group: Group) -> dict[str, list[Entry]]:
    """By the name of its panel, the ways of each net that was trained in several."""
    found: dict[tuple[ModelSpec, TrainingSpec], list[Entry]] = defaultdict(list)
    for entry in group.entries:
        usual = {"classifier_initialization": default_classifier(entry.model.initialization),
                 "classifier_initialization_std": None}  # fmt: skip
        found[entry.model.model_copy(update=usual), entry.training].append(entry)
    return {net_name(model): entries for (model, _), entries in found.items() if len(entries) > 1}


def _is_default(entry: Entry) -> bool:
    return entry.model.classifier_initialization == default_classifier(entry.model.initialization)


def _label(entry: Entry) -> str:
    std = entry.model.classifier_initialization_std
    return CLASSIFIER_NAMES[entry.model.classifier_initialization] + (f", std {std:.3g}" if std else "")
