"""What a net takes for what: images of each class by the class that was predicted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from resnet_repro.analysis import Group
from resnet_repro.figures import Drawn
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.style import GREY, WEB, Style, add_title, drawing, new_figure
from resnet_repro.naming import net_name


def draw_confusion(
    confusion: npt.NDArray[np.int64], classes: Sequence[str], group: Group, data: str, style: Style = WEB
) -> Drawn:
    """`confusion` (C, C), true class by predicted class, of the one run of `group`, on `data`."""
    [run] = group.runs
    wrong = np.ma.masked_array(confusion, np.eye(len(classes), dtype=bool))
    with drawing(style):
        figure = new_figure(style, 6.4, 5.6)
        axes = figure.subplots()
        axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1, int(wrong.max() or 0)) * 1.3)
        for true, row in enumerate(confusion.tolist()):
            for taken, count in enumerate(row):
                if count:
                    axes.text(taken, true, str(count), ha="center", va="center", fontsize=style.small,
                              color=GREY if true == taken else "#000000")  # fmt: skip
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true class")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        error = 100 * (1 - float(np.trace(confusion)) / float(confusion.sum()))
        title = f"What {net_name(run.experiment.model)} takes for what"
        add_title(figure, style, title, f"{error:.2f} % test error on {data}\n{group.title()}")
    shows = f"What {net_name(run.experiment.model)} takes for what: test images of each class by the predicted class."
    reading = f"Tested on {data}. Right answers, on the diagonal, are grey; the darker a square, the more mistakes."
    return Drawn(
        f"confusion-{run.experiment.label.replace('/', '-')}", group, figure, Caption(shows, reading, group.entries)
    )
