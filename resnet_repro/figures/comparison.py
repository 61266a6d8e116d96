"""The training curves of compared nets, laid over each other."""

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.comparison import Comparison
from resnet_repro.analysis.comparison_text import conditions, title
from resnet_repro.analysis.differences import field_text
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import Caption, conditions_in_words
from resnet_repro.figures.colours import MANY_COLOURS
from resnet_repro.figures.curves import curve_legend, draw_panel, how_to_read
from resnet_repro.figures.labels import LINE, label_ends
from resnet_repro.figures.style import WEB, Style, add_legend, add_title, drawing, new_figure
from resnet_repro.nearest import listed

MOST_FIELDS = 2  # that the label of a curve names; with more, it is the name of the net
LONGEST_LABEL = 34  # characters
USUAL_LINES = 4  # of a title, for which the figure has room


def draw_comparison(found: Comparison, style: Style = WEB) -> Figure:
    """Error in % over iterations: a colour for each net, means over seeds, bands of one standard deviation."""
    group, labels = _group(found), _labels(found)
    test_label = group.condition.test_label
    colours = {entry: MANY_COLOURS[_turn(place)] for place, entry in enumerate(group.entries)}
    with drawing(style):
        figure = new_figure(style, 8.2, 5.0, columns=1)
        axes = figure.subplots()
        ends = draw_panel(figure, axes, style, group, colours, labels)
        axes.set_ylabel("error (%)")
        nets: list[Artist] = [  # of those that the labels at the right do not name
            Line2D([], [], color=colours[entry], linewidth=2 * style.line, label=f"{entry.name}: {labels[entry]}")
            for entry in group.entries
            if labels[entry] != entry.name
        ]
        add_legend(figure, style, [*nets, *curve_legend(group, style)], most=2)
        add_title(figure, style, f"Training and {test_label}", f"{title(found)}\n{conditions(found)}")
        more = max(0, figure.get_suptitle().count("\n") - USUAL_LINES) + len(nets)
        figure.set_figheight(figure.get_figheight() + more * LINE * style.text / 72)
        label_ends(figure, {axes: ends}, style)
    return figure


def caption_comparison(found: Comparison) -> str:
    """What the figure shows, how to read it, and what can be said about the difference."""
    group = _group(found)
    caption = Caption(
        f"Training and {group.condition.test_label} in % over the iterations of training: "
        f"{listed([net.name for net in found.others])} against {found.base.name}.",
        how_to_read(group, "Each net has a colour."),
        group.entries,
    )
    verdicts = " ".join(f"{one}." for one in found.differences if one.measure == "test_error_pct")
    if found.has_one_condition:
        text = caption.text(group.condition)
    else:
        text = caption.under(
            [f"{net.name}: {conditions_in_words(net.group.condition, [net.entry])}" for net in found.nets]
        )
    return f"{text}\n{verdicts[:1].upper()}{verdicts[1:]}\n"


def _group(found: Comparison) -> Group:
    """The nets as one group, also if their schedules differ; then without milestones, as each has its own."""
    at = found.base.group.condition
    return Group(at if found.has_one_condition else at._replace(milestones=()), tuple(net.entry for net in found.nets))


def _turn(place: int) -> int:
    """The place of a colour: blue for the base, then those that are easiest to tell from it and from each other."""
    order = (4, 3, 1, 0, 5, 6, 2, 8, 7, 9, 10)
    return order[place % len(order)]


def _labels(found: Comparison) -> dict[Entry, str]:
    """What tells each net from the others: the values of the fields that differ if these are few, else its name."""
    fields = [field for field in found.fields if field.changes_errors and field.field != "data"]
    texts = [
        ", ".join(f"{field.name} {field_text(field.values[place])}" for field in fields)
        for place in range(len(found.nets))
    ]
    usable = len(fields) <= MOST_FIELDS and len(set(texts)) == len(texts) and max(map(len, texts)) <= LONGEST_LABEL
    names = [net.name for net in found.nets]
    return {net.entry: text for net, text in zip(found.nets, texts if usable else names, strict=True)}
