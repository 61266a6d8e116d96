"""Writes figures to files. Equal runs give equal bytes in every format."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.figures import Drawn
from resnet_repro.figures.few_colours import small_png
from resnet_repro.figures.style import Style, drawing, settle
from resnet_repro.files import make_folder, replacing

ELSEWHERE = "choose another folder with --output or make room there"


def png(figure: Figure, style: Style) -> bytes:
    return small_png(figure, style.dpi)


def svg(figure: Figure, style: Style) -> bytes:
    """The figure as SVG with letters as outlines, so that it looks the same in every viewer."""
    for artist in figure.findobj(lambda artist: artist.get_gid() is not None):
        artist.set_gid(None)  # only the report uses gids, and here they would become duplicate SVG ids
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "resnet-repro", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def pdf(figure: Figure, style: Style) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType, which publishers require
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Figure, Style], bytes]] = {"png": png, "svg": svg, "pdf": pdf}
USUAL_FORMATS = ("png", "svg")


def save_figures(
    figures: Iterable[Drawn], folder: Path, style: Style, formats: Sequence[str] = USUAL_FORMATS
) -> Iterator[Path]:
    """Write each figure in each format, with its caption, into `folder`, and yield the paths.

    Raises RunError if a file cannot be written.
    """
    for drawn in figures:
        caption = drawn.caption.text(drawn.group.condition)
        yield from save_figure(drawn.figure, caption, folder / drawn.name, style, formats)


def save_figure(
    figure: Figure,
    caption: str,
    path: Path,
    style: Style,
    formats: Sequence[str] = USUAL_FORMATS,
    otherwise: str = ELSEWHERE,
) -> Iterator[Path]:
    """Write one figure and its caption. `path` has no ending; a RunError ends with `otherwise`."""
    with drawing(style):
        figure.set_dpi(style.dpi)
        settle(figure)
        contents = {ending: FORMATS[ending](figure, style) for ending in formats}
    contents["txt"] = caption.encode()
    make_folder(path.parent, otherwise)
    for ending, content in contents.items():
        file_path = path.with_name(f"{path.name}.{ending}")
        with replacing(file_path, otherwise=otherwise) as file:
            file.write(content)
        yield file_path
