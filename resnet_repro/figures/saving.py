"""Figures as files: equal runs give equal bytes in every format."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from resnet_repro.figures import Drawn
from resnet_repro.figures.style import Style, drawing
from resnet_repro.files import make_folder, replacing

ELSEWHERE = "choose another folder with --output or make room there"
COLOURS = 256  # of a PNG, which has few besides the shades at the edges of letters: a third of the size, none visible


def png(figure: Figure, style: Style) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=style.dpi, metadata={"Software": None})
    reduced = io.BytesIO()
    with Image.open(buffer) as image:
        drawn = image.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        drawn.save(reduced, "PNG", optimize=True, dpi=(style.dpi, style.dpi))
    return reduced.getvalue()


def svg(figure: Figure, style: Style) -> bytes:
    """Letters are drawn as outlines, so that the figure looks the same wherever it is shown."""
    for artist in figure.findobj(lambda artist: artist.get_gid() is not None):
        artist.set_gid(None)  # would name several elements alike, and serves pages alone
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "resnet-repro", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def pdf(figure: Figure, style: Style) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType, which publishers ask for
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Figure, Style], bytes]] = {"png": png, "svg": svg, "pdf": pdf}
USUAL_FORMATS = ("png", "svg")


def save_figures(
    figures: Iterable[Drawn], folder: Path, style: Style, formats: Sequence[str] = USUAL_FORMATS
) -> Iterator[Path]:
    """Write each figure in each format, and its caption, into `folder`; yield the paths. Raises RunError."""
    for drawn in figures:
        caption = drawn.caption.text(drawn.group.condition)
        yield from save_figure(drawn.figure, caption, folder / drawn.name, style, formats)


def save_figure(
    figure: Figure, caption: str, path: Path, style: Style, formats: Sequence[str] = USUAL_FORMATS
) -> Iterator[Path]:
    """The same for one figure and its caption; `path` is without an ending."""
    with drawing(style):
        contents = {ending: FORMATS[ending](figure, style) for ending in formats}
    contents["txt"] = caption.encode()
    make_folder(path.parent, ELSEWHERE)
    for ending, content in contents.items():
        file_path = path.with_name(f"{path.name}.{ending}")
        with replacing(file_path, otherwise=ELSEWHERE) as file:
            file.write(content)
        yield file_path
