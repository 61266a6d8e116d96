"""The size of each residual branch relative to its shortcut, ‖F(x)‖/‖h(x)‖. [R] section 3.1 expects small ones."""

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Group
from resnet_repro.figures.axes import log_scale
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.colours import entry_styles
from resnet_repro.figures.probed import averaged, probed
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import GREY, GRID, WEB, Style, add_legend, add_title, drawing, new_figure

PROBE = "branch_to_shortcut"


def draw_branch_ratios(group: Group, style: Style = WEB) -> Figure | None:
    """The ratios by unit, for each net a faint line (first step) and a bold one (last step); None without any."""
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
            for step, width, alpha in ((min(by_step), 0.7, 0.6), (max(by_step), 2.0, 1.0)):
                values = by_step[step]
                places = [(number + 0.5) / len(values) for number in range(len(values))]
                (line,) = axes.plot(places, list(values.values()), dashes, color=colour, linewidth=width * style.line,
                                    alpha=alpha, label=entry.name)  # fmt: skip
                says = f"‖F(x)‖ / ‖h(x)‖ {{y:.3g}} of unit {{n}} of {len(values)} at step {step}"
                mark_curve(line, entry, says, steps=False)
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
        axes.set_xlabel("unit, from input to output (all nets scaled to one width)")
        axes.set_ylabel("‖F(x)‖ / ‖h(x)‖")
        add_legend(figure, style, bold, "bold: at the end; faint: after the first step", entries=list(found))
        add_title(figure, style, "Residual branch relative to shortcut", group.only(list(found)).title())
    return figure


def caption_branch_ratios(group: Group) -> Caption:
    entries = list(probed(group, PROBE))
    return Caption(
        "Norm of the output of each residual branch divided by that of its shortcut, ‖F(x)‖ / ‖h(x)‖, for each unit.",
        "Units are in order from input to output, and all nets are scaled to one width. The bold line of a net is the "
        "last measured step, the faint line the first. Below the dotted line at 1, a branch is smaller than its "
        f"shortcut.{averaged(entries)}",
        entries,
    )
