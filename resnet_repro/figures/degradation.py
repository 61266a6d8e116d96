"""Final error against depth. In the paper, deeper plain nets get worse and deeper residual nets do not."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.families import DepthFamily, depth_families, family_names, why_no_depths
from resnet_repro.analysis.groups import Group, comparable_groups
from resnet_repro.figures.captions import ABOUT_LAST_EPOCH, Caption
from resnet_repro.figures.colours import PLAIN_COLOUR, RESIDUAL_COLOUR, ink
from resnet_repro.figures.labels import EndLabel, label_ends
from resnet_repro.figures.limits import NOT_FROM_0, error_limits
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import WEB, Style, add_legend, add_title, drawing, mark, new_figure
from resnet_repro.nearest import listed
from resnet_repro.papers import final_error
from resnet_repro.record.run import Run

# Colour and marker of each family: of the first plain one, the first with shortcuts, and others.
LOOKS = ((PLAIN_COLOUR, "o"), (RESIDUAL_COLOUR, "s"))
OTHER_LOOKS = (("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"), ("#000000", "X"))
SIDES = (0.9, -0.6)  # the offset of a value from its marker, above plain and below other nets, in sizes of its text
PANELS = {"train_error_pct": " (running)", "test_error_pct": ""}  # columns, and what follows their labels
ROOM = 0.12  # the share of the axis that a value below its point takes


class Look(NamedTuple):
    """How a family is drawn."""

    name: str
    colour: str
    marker: str
    side: float | None  # None: its values are not beside its markers, as there are too many families


def draw_degradation(group: Group, style: Style = WEB) -> Figure | None:
    """Final training and test error against depth, with the papers' values if the schedule is theirs.

    None unless two nets that differ in depth alone have finished.
    """
    found = _found(group)
    if not found:
        return None
    several = any(len(entry.finished) > 1 for family in found for entry in family.entries)
    with drawing(style):
        figure = new_figure(style, 7.6, 4.1)
        papers = any(_published(group, family) for family in found)
        panels = figure.subplots(1, 2, sharey=not papers)
        depths = sorted({entry.model.depth for family in found for entry in family.entries})
        ends: dict[Axes, list[EndLabel]] = {}
        for axes, (column, more) in zip(panels, PANELS.items(), strict=True):
            labels = [_draw(axes, style, look, family, column, depths, _published(group, family))
                      for family, look in found.items()]  # fmt: skip
            ends[axes] = [label for label in labels if label]
            axes.set_title(group.condition.labels[column] + more, loc="left")
            axes.set_xlabel("depth (weighted layers)")
            axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
            axes.margins(x=0.15)
            axes.tick_params(labelleft=True)
        for axes, column in zip(panels, PANELS, strict=True):
            axes.set_ylim(*_limits(group, found, [column] if papers else list(PANELS)))
        panels[0].set_ylabel("error at the end (%)")
        handles = [_with_marker(line) for line in panels[1].lines if not str(line.get_label()).startswith("_")]
        add_legend(figure, style, handles, "bars: one standard deviation over seeds" if several else None, most=4)
        shown = group.only([entry for family in found for entry in family.entries])
        add_title(figure, style, "Final error against depth", shown.title())
        if any(ends.values()):
            label_ends(figure, ends, style)
    return figure


def _with_marker(line: Line2D) -> Line2D:
    """A line for the legend with its marker, because the panels draw lines and markers separately."""
    return Line2D(
        [], [], color=line.get_color(), linestyle=line.get_linestyle(), linewidth=line.get_linewidth(),
        marker=line.get_marker(), markerfacecolor=line.get_markerfacecolor(), label=line.get_label(),
    )  # fmt: skip


def caption_degradation(group: Group) -> Caption:
    found = _found(group)
    entries = [entry for family in found for entry in family.entries]
    several = any(len(entry.finished) > 1 for entry in entries)
    papers = any(_published(group, family) for family in found)
    beside = all(look.side is not None for look in found.values())
    marks = ", ".join(f"{MARKERS[look.marker]} {look.name} nets" for look in found.values()).replace(" ", " are ", 1)
    cut = any(_limits(group, found, [column] if papers else list(PANELS))[0] > 0 for column in PANELS)
    return Caption(
        f"Error at the end of training against depth, for {listed([look.name for look in found.values()])} nets: "
        f"training error (left) and {group.condition.test_label} (right).",
        f"{ABOUT_LAST_EPOCH} {marks}; "
        + ("the number beside each is its error in %" if beside else "numbers at the right are errors in %")
        + (", as a mean over seeds; bars are one standard deviation." if several else ".")
        + (" The nets of a line differ in depth alone." if not all(family.is_papers for family in found) else "")
        + (" Open markers on dotted lines are the published values." if papers else "")
        + NOT_FROM_0 * cut,
        entries,
    )


MARKERS = {"o": "Circles", "s": "squares", "^": "triangles", "D": "diamonds", "v": "inverted triangles",
           "P": "plus signs", "X": "crosses"}  # fmt: skip


def why_no_degradation(runs: Sequence[Run]) -> str:
    """Why no two of these runs differ in depth alone."""
    return why_no_depths([entry for group in comparable_groups(runs) for entry in group.entries])


def _found(group: Group) -> dict[DepthFamily, Look]:
    """The families of several depths, and nets that differ from these in their shortcuts alone; the papers' first.

    Empty if no family has several depths.
    """
    families = sorted(depth_families(group), key=_usual_first)
    deep = [family for family in families if len(family.entries) > 1]
    shown = [
        family
        for family in families
        if family in deep or any(a.is_plain_twin_of(b) for other in deep for a, b in ((family, other), (other, family)))
    ]
    looks: dict[DepthFamily, Look] = {}
    others = itertools.cycle(OTHER_LOOKS)
    taken: set[bool] = set()
    for family, name in zip(shown, family_names(shown), strict=True):
        plain = family.is_plain
        colour, marker = next(others) if plain in taken else LOOKS[not plain]
        looks[family] = Look(name, colour, marker, SIDES[not plain] if len(shown) <= len(LOOKS) else None)
        taken.add(plain)
    if len(shown) == len(LOOKS) and len(taken) == 1:  # one above, one below
        higher_first = sorted(shown, key=_mean_error, reverse=True)
        looks = {family: look._replace(side=SIDES[higher_first.index(family)]) for family, look in looks.items()}
    return looks


def _mean_error(family: DepthFamily) -> float:
    finals = [final.mean for entry in family.entries if (final := entry.final("test_error_pct"))]
    return sum(finals) / len(finals) if finals else 0.0


def _usual_first(family: DepthFamily) -> tuple[bool, ...]:
    model = family.entries[0].model
    return not family.is_papers, not family.is_plain, model.shortcut != "identity", model.unit != "original"


def _published(group: Group, family: DepthFamily) -> bool:
    """Whether the papers' errors belong beside the family."""
    return group.condition.is_papers and family.is_papers


def _limits(group: Group, found: Iterable[DepthFamily], columns: Sequence[str]) -> tuple[float, float]:
    """The limits of the error axis: from zero, or a little below if values are written below the lowest points."""
    heights: list[float] = []
    for family in found:
        for column in columns:
            heights += [final.mean + sign * (final.std or 0) for entry in family.entries
                        if (final := entry.final(column)) for sign in (-1, 1)]  # fmt: skip
            if _published(group, family):
                kind, depths = family.entries[0].model.shortcut, [entry.model.depth for entry in family.entries]
                heights += [error for depth in depths if (error := final_error(kind, depth, column)) is not None]
    low, top = error_limits(heights, min(100.0, 1.15 * max(heights)) or 1.0)
    return (-ROOM * top if low == 0 and min(heights) < ROOM * top else low), top


def _draw(
    axes: Axes, style: Style, look: Look, family: DepthFamily, column: str, depths: Sequence[int], papers: bool
) -> EndLabel | None:
    """Draw a family. Returns a label for its deepest net if the values are not beside the markers."""
    name, colour, marker, side = look
    label = f"{name}, ours" if papers else name
    finals = [(entry, depths.index(entry.model.depth), final) for entry in family.entries
              if (final := entry.final(column))]  # fmt: skip
    axes.plot([place for _, place, _ in finals], [final.mean for *_, final in finals], color=colour, marker=marker,
              linewidth=1.8 * style.line, markersize=0, label=label if finals else None)  # fmt: skip
    kind = family.entries[0].model.shortcut
    published = {depth: final_error(kind, depth, column) for depth in depths} if papers else {}
    several = any(final.n > 1 for *_, final in finals)
    for entry, place, final in finals:
        bar = axes.errorbar(place, final.mean, final.std or 0, color=colour, marker=marker, capsize=3 * style.line,
                            elinewidth=1.8 * style.line, capthick=style.line)  # fmt: skip
        for artist in bar.get_children():
            mark(artist, entry)
        mark_curve(bar.lines[0], entry, f"{error_of(entry, column, final.n)} at the end", steps=False)
        if side is None:
            continue
        spread, theirs = final.std or 0, published.get(entry.model.depth)
        ends = [final.mean + spread, final.mean - spread, final.mean if theirs is None else theirs]
        edge = max(ends) if side > 0 else min(ends)  # the value is written beyond the bar and the published point
        alone = "\n(1 run)" if final.n == 1 and several else ""  # else it would look as sure as a mean
        written = axes.annotate(f"{final.mean:.1f}{alone}", (place, edge), xytext=(0, side * style.small), ha="center",
                                va="baseline" if side > 0 else "top",
                                textcoords="offset points", fontsize=style.small, color=ink(colour),
                                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5})  # fmt: skip
        mark(written, entry)
    if papers:
        points = [(place, value) for place, value in enumerate(published.values()) if value is not None]
        axes.plot(*zip(*points, strict=True), linestyle=":", marker=marker, color=colour, markerfacecolor="white",
                  label=f"{name}, published")  # fmt: skip
    if side is None and finals and finals[-1][1] == len(depths) - 1:
        entry, place, final = finals[-1]
        return EndLabel(place, final.mean, f"{final.mean:.1f}", colour, entry)
    return None
