"""An evaluation on stdout, and as a figure."""

from collections.abc import Iterator
from pathlib import Path

from resnet_repro.analysis import comparable_groups
from resnet_repro.evaluating import Evaluation, class_names
from resnet_repro.figures.confusion import draw_confusion
from resnet_repro.figures.saving import save_figures
from resnet_repro.figures.style import WEB
from resnet_repro.tables import print_table


def print_evaluation(found: Evaluation) -> None:
    """The error and how it compares with what was recorded, each class, and the most frequent mistakes."""
    names, counts = class_names(found.run), found.confusion.sum(axis=1).tolist()
    rows = [[name, str(count), "" if error is None else f"{error:.2f}"]
            for name, count, error in zip(names, counts, found.class_error_pct, strict=True)]  # fmt: skip
    print_table(f"{found.run.path}: tested on {_data(found)}", ["class", "images", "error %"], rows)
    print(f"test error {found.test_error_pct:.2f} %, test loss {found.test_loss:.4f}: {found.comparison()}")
    mistakes = [f"{names[true]} as {names[taken]} ({count})" for true, taken, count in found.most_confused()]
    print(f"most often taken: {', '.join(mistakes) or 'nothing for anything else'}")


def save_confusion(found: Evaluation, folder: Path) -> Iterator[Path]:
    """The confusion matrix, with its caption; yields the paths."""
    [group] = comparable_groups([found.run])
    drawn = draw_confusion(found.confusion, class_names(found.run), group, _data(found))
    return save_figures([drawn], folder, WEB)


def _data(found: Evaluation) -> str:
    exact = "" if found.data.exact else ", which is not the true CIFAR-10"
    return f"{found.data.name}, {len(found.data.test.labels):,} images{exact}"
