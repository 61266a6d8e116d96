"""How large each branch is beside its shortcut, ‖F(x)‖/‖h(x)‖: a residual is to be a small perturbation."""

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Group
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.probed import averaged, probed
from resnet_repro.figures.style import (
    GREY,
    GRID,
    WEB,
    Style,
    add_legend,
    add_title,
    drawing,
    entry_styles,
    log_scale,
    mark,
    new_figure,
)

PROBE = "branch_to_shortcut"


def draw_branch_ratios(group: Group, style: Style = WEB) -> Figure | None:
    """A line a net, unit by unit: after the first step faint, at the end bold. None if nothing was measured."""
    found = probed(group, PROBE)
    if not found:
        return None
    styles = entry_styles(list(found))
    with drawing(style):
        figure = new_figure(style, 7.6, 4.4, columns=1)
        axes = figure.subplots()
        bold = []
        for entry, by_step in found.items():
            colour, dashes = styles[entry]
            first, last = by_step[min(by_step)], by_step[max(by_step)]
            for values, width, alpha in ((first, 0.7, 0.6), (last, 2.0, 1.0)):
                places = [(number + 0.5) / len(values) for number in range(len(values))]
                (line,) = axes.plot(places, list(values.values()), dashes, color=colour, linewidth=width * style.line,
                                    alpha=alpha, label=entry.name)  # fmt: skip
                mark(line, entry)
            bold.append(line)
        log_scale(axes)
        axes.axhline(1, color=GREY, linewidth=0.8 * style.line, linestyle=":")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(which="minor", labelsize=style.small)
        axes.set_xticks([1 / 6, 1 / 2, 5 / 6], ["stage 1", "stage 2", "stage 3"])
        axes.grid(visible=False, axis="x")
        for boundary in (1 / 3, 2 / 3):
            axes.axvline(boundary, color=GRID, linewidth=0.8 * style.line, zorder=0)
        axes.set_xlabel("unit, from the input; all nets drawn equally wide")
        axes.set_ylabel("‖F(x)‖ / ‖h(x)‖")
        add_legend(figure, style, bold, "bold: at the end; faint: after the first step", entries=list(found))
        add_title(figure, style, "Branch against shortcut", group.title())
    return figure


def caption_branch_ratios(group: Group) -> Caption:
    entries = list(probed(group, PROBE))
    return Caption(
        "Size of each residual branch beside its shortcut, ‖F(x)‖ / ‖h(x)‖, unit by unit.",
        "Units stand in order from the input, all nets drawn equally wide. The bold line of a net is the last measured "
        "step, the faint one the first. Below 1, the dotted line, a branch adds less than what its shortcut "
        f"carries.{averaged(entries)}",
        entries,
    )
