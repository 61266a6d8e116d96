"""Training error by the initialisation of the classifier, for each net that was trained with several of them."""

from collections import defaultdict

from matplotlib.figure import Figure

from resnet_repro.analysis.differences import told_apart
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import ABOUT_RUNNING, Caption
from resnet_repro.figures.contrasts import Contrast, draw_contrasts
from resnet_repro.figures.curve_lines import about_seeds
from resnet_repro.figures.style import WEB, Style
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.model import default_classifier
from resnet_repro.spec.naming import CLASSIFIER_NAMES, net_name, value_name

RULES = {"uniform": "authors' code", "he": "He's rule"}  # in place of the names in tables


def draw_classifier(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each net that was trained with several initialisations; None if there is none."""
    contrast = Contrast("Initialisation of the classifier", _is_default, _label)
    return draw_contrasts(group, style, contrast, _panels(group))


def caption_classifier(group: Group) -> Caption:
    entries = [entry for panel in _panels(group).values() for entry in panel]
    return Caption(
        "Training error over the iterations of training, a panel for each net that was trained with several "
        "initialisations of its classifier.",
        "Solid blue lines use the default of the authors' released code: uniform in ±1/sqrt(n), where n is the number "
        "of the classifier's inputs. Dashed lines use the initialisation in their label. Nothing else differs. "
        f"{ABOUT_RUNNING}{about_seeds(entries)}",
        entries,
    )


def _panels(group: Group) -> dict[str, list[Entry]]:
    """The entries of each panel, by the name of its net: the initialisations with which it was trained."""
    found: dict[tuple[ModelSpec, str], list[Entry]] = defaultdict(list)
    for entry in group.entries:
        usual = {"classifier_initialization": default_classifier(entry.model.initialization),
                 "classifier_initialization_std": None}  # fmt: skip
        found[entry.model.model_copy(update=usual), str(entry.recipe)].append(entry)
    panels = [(model, entries) for (model, _), entries in found.items() if len(entries) > 1]
    names = told_apart([net_name(model) for model, _ in panels], [entries[0] for _, entries in panels])
    return dict(zip(names, (entries for _, entries in panels), strict=True))


def _is_default(entry: Entry) -> bool:
    return entry.model.classifier_initialization == default_classifier(entry.model.initialization)


def _label(entry: Entry) -> str:
    std = entry.model.classifier_initialization_std
    name = value_name(entry.model.classifier_initialization, CLASSIFIER_NAMES | RULES)
    return name + (f", std {std:.3g}" if std else "")
