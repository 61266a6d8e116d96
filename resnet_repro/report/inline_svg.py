"""Turns a figure into inline SVG that uses the colours and font of its page, and whose nets can be hidden."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.figures.colours import LINE_COLOURS, STEP_COLOURS, ink
from resnet_repro.figures.readout import frame, marked_curves, net_of, readout
from resnet_repro.figures.style import FAINT, GREY, GRID, NET, TITLE, WEB, drawing, settle
from resnet_repro.report.compact_svg import compact, rounded

NAMESPACE = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
# Colours that the page sets, as it may be dark.
VARIABLES = {"#000000": "var(--ink)", "#ffffff": "var(--paper)", GRID: "var(--grid)", FAINT: "var(--grid)",
             GREY: "var(--muted)", STEP_COLOURS[-1]: f"var(--late,{STEP_COLOURS[-1]})"}  # fmt: skip
DARK_PAPER = "#14171b"  # of style.css
# The colours of text about something of another colour, on a light page and on a dark one.
INKS = {ink(colour): f"light-dark({ink(colour)},{ink(colour, DARK_PAPER)})" for colour in LINE_COLOURS} | VARIABLES
# Style properties to drop: fonts, which the page sets, and defaults of lines.
OMITTED = ("font-family", "font-style", "font-variant", "font-weight", "font-stretch", "stroke-linejoin",
           "stroke-dashoffset")  # fmt: skip
# Set once on the root, instead of by matplotlib's style sheet, which would affect the rest of the page.
ROOT_STYLE = "fill:var(--ink);font-family:inherit;stroke-linejoin:round;stroke-linecap:butt"
READ = "read"  # begins the gids of panels and curves while they are drawn


class NetStyle(NamedTuple):
    """How a figure draws a net: `colour` is CSS, empty if there are several; `dash` is "-", "--", ":" or "-."."""

    name: str
    colour: str
    dash: str


class InlineFigure(NamedTuple):
    """A figure as SVG, in which the parts of each of `nets` have `data-net="<name>"`."""

    svg: str
    nets: list[NetStyle]


def inline_svg(figure: Figure, prefix: str, label: str) -> InlineFigure:
    """The figure without its title as one SVG element without a size, as wide as its place.

    `prefix`, a letter and then letters or digits, begins each id and class; each figure of a page needs another one.
    `label` becomes the aria-label. The page must define the colours --ink, --muted, --grid and --paper, and if it is
    dark --late, the colour of last steps, and `color-scheme`. Hides the title of `figure`.
    """
    assert re.fullmatch("[a-z][a-z0-9]*", prefix), prefix
    for title in figure.findobj(lambda artist: artist.get_gid() == TITLE):
        title.set_visible(False)
        title.set_in_layout(False)
    root, said = _drawn(figure, prefix)
    for element in root.iter():
        _tidy(element)
    _drop(root)
    _rename(root, prefix)
    compact(root, prefix)
    view = " ".join(map(rounded, root.attrib["viewBox"].split()))
    root.attrib = {"xmlns": NAMESPACE, "viewBox": view, "role": "img", "aria-label": label, "style": ROOT_STYLE}
    if said:
        root.set("data-says", "|".join(said))
    return InlineFigure(ElementTree.tostring(root, encoding="unicode").replace(" />", "/>"), _nets(figure))


def _drawn(figure: Figure, prefix: str) -> tuple[Element, list[str]]:
    """The figure as SVG of matplotlib, in which panels and curves have attributes by which the page reads them.

    Also returns what curves say, once each, and after an @ the steps in an epoch; `data-says` is the place in that.
    """
    curves, buffer = marked_curves(figure), io.BytesIO()
    gids = {artist: artist.get_gid() for artist in (*figure.axes, *curves)}
    for number, artist in enumerate(gids):
        artist.set_gid(f"{READ}{number}")
    with drawing(WEB), matplotlib.rc_context({"svg.hashsalt": prefix, "svg.fonttype": "none"}):
        settle(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    for artist, gid in gids.items():
        artist.set_gid(gid)
    said: dict[str, int] = {}
    found = [frame(axes) | _net_of(axes) for axes in figure.axes]
    for curve in curves:
        says, epoch, xs, ys = readout(curve)
        place = said.setdefault(f"{says}@{epoch}", len(said))
        net = {} if curve.axes and net_of(curve.axes) else _net_of(curve)
        found.append({"says": str(place), "x": xs, "y": ys, **net})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - our own
    for element in root.iter():
        if (name := element.get("id", "")).startswith(READ):
            element.attrib |= {f"data-{key}": value for key, value in found[int(name.removeprefix(READ))].items()}
    return root, list(said)


def _net_of(artist: Artist) -> dict[str, str]:
    return {"net": name} if (name := net_of(artist)) else {}


def _tidy(element: Element) -> None:
    """Remove namespaces and superfluous styles, and use the colours of the page."""
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None  # the space between elements
    element.text = element.text if element.tag == "tspan" or len(element) == 0 else None
    if link := element.attrib.pop(HREF, None):
        element.set("href", link)
    said = dict(part.split(": ", 1) for part in element.attrib.pop("style", "").split("; ") if ": " in part)
    if clip := element.attrib.pop("clip-path", None):
        said["clip-path"] = clip
    page = INKS if element.tag == "text" else VARIABLES
    kept = [f"{name}:{page.get(value, value)}" for name, value in said.items() if name not in OMITTED]
    if kept:
        element.set("style", ";".join(kept))
    gid = element.get("id", "")
    if gid.startswith(NET):
        element.set("data-net", gid.removeprefix(NET))


def _drop(element: Element) -> None:
    """Remove metadata, the style sheet, and the white background."""
    for child in list(element):
        style_sheet = child.tag == "defs" and child.find("style") is not None
        if child.tag == "metadata" or style_sheet or child.get("id", "") == "patch_1":
            element.remove(child)
        else:
            _drop(child)


def _rename(root: Element, prefix: str) -> None:
    """Give elements that are referred to short ids that begin with `prefix`, and remove all other ids."""
    names: dict[str, str] = {}
    for element in root.iter():
        for attribute, value in element.attrib.items():
            for name in _references(attribute, value):
                names.setdefault(name, f"{prefix}-{len(names)}")
    for element in root.iter():
        if (new := names.get(element.attrib.pop("id", ""))) is not None:
            element.set("id", new)
        for attribute, value in element.attrib.items():
            for old in _references(attribute, value):
                element.set(attribute, value.replace(f"#{old}", f"#{names[old]}"))


def _references(attribute: str, value: str) -> list[str]:
    """The ids that an attribute refers to. The names of nets may look like references, but are none."""
    if attribute == "href":
        return [value.removeprefix("#")]
    return re.findall(r"url\(#([^)]+)\)", value) if attribute == "style" else []


def _nets(figure: Figure) -> list[NetStyle]:
    """Each net with the style of its widest lines, in the order of drawing."""
    lines: dict[str, list[Line2D]] = {}
    for artist, name in _marked(figure):
        found = artist.lines if isinstance(artist, Axes) else [artist] if isinstance(artist, Line2D) else []
        lines.setdefault(name, []).extend(found)
    nets = []
    for name, found in lines.items():
        widest = [line for line in found if line.get_linewidth() == max(line.get_linewidth() for line in found)]
        colours = list(dict.fromkeys(to_hex(line.get_color()) for line in widest))
        dash = str(widest[0].get_linestyle()) if widest else "-"
        colour = colours[0] if len(colours) == 1 else ""
        nets.append(NetStyle(name, VARIABLES.get(colour, colour), dash))
    return nets


def _marked(figure: Figure) -> Iterator[tuple[Artist, str]]:
    """The artists that belong to a net, with the net's name."""
    for artist in figure.findobj():
        if name := net_of(artist):
            yield artist, name
