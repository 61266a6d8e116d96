"""How large each branch is beside its shortcut, ‖F(x)‖/‖h(x)‖: a residual is to be a small perturbation."""

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Group
from resnet_repro.figures.probed import probed
from resnet_repro.figures.style import STYLE, add_title, entry_styles, log_scale, new_figure


def draw_branch_ratios(group: Group) -> Figure | None:
    """A line a net, unit by unit: after the first step faint, at the end bold. None if nothing was measured."""
    found = probed(group, "branch_to_shortcut")
    if not found:
        return None
    styles = entry_styles(list(found))
    with matplotlib.rc_context(STYLE):
        figure = new_figure(7.6, 4.4)
        axes = figure.subplots()
        for entry, by_step in found.items():
            colour, line = styles[entry]
            first, last = by_step[min(by_step)], by_step[max(by_step)]
            for values, width, label in ((first, 0.7, None), (last, 2.0, entry.name)):
                places = [(number + 0.5) / len(values) for number in range(len(values))]
                axes.plot(places, list(values.values()), line, color=colour, linewidth=width,
                          alpha=1 if label else 0.6, label=label)  # fmt: skip
        log_scale(axes)
        axes.axhline(1, color="#999999", linewidth=0.8, linestyle=":")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.set_xticks([1 / 6, 1 / 2, 5 / 6], ["stage 1", "stage 2", "stage 3"])
        axes.grid(visible=False, axis="x")
        for boundary in (1 / 3, 2 / 3):
            axes.axvline(boundary, color="#e4e4e4", linewidth=0.8, zorder=0)
        axes.set_xlabel("unit, from the input; all nets drawn equally wide")
        axes.set_ylabel("‖F(x)‖ / ‖h(x)‖")
        figure.legend(
            title="bold: at the end; faint: after the first step",
            loc="outside lower center", ncols=3, fontsize=8, title_fontsize=8,
        )  # fmt: skip
        add_title(figure, "Branch against shortcut", group.title())
    return figure
