"""A drawing of a plain unit beside a residual unit, [R] Fig. 2: the same layers, without and with a shortcut.

`make docs` writes it as a file for the README; the report shows it in its own colours.
"""

from typing import NamedTuple

from resnet_repro.figures.colours import PLAIN_COLOUR, RESIDUAL_COLOUR

DESCRIPTION = (
    "A plain unit and a residual unit. Both pass x through F: convolution, batch normalisation, ReLU, convolution, "
    "batch normalisation. The plain unit gives f(F(x)), where f is a ReLU. In the residual unit a shortcut carries x "
    "around F and is added before f, so the unit gives f(h(x) + F(x))."
)
LAYERS = ("3×3 convolution", "batch norm (BN)", "ReLU", "3×3 convolution", "batch norm (BN)")
WIDTH, HEIGHT = 760, 640
BOX_WIDTH, BOX_HEIGHT, GAP = 216, 46, 20
TOP = 132  # of the first box
PLAIN_X, RESIDUAL_X, SHORTCUT_X = 172, 506, 646  # the middle of each column of boxes, and the shortcut


class Palette(NamedTuple):
    """The colours of the parts, as CSS."""

    ink: str
    paper: str
    box: str
    edge: str
    plain: str
    residual: str


FILE = Palette("#1b1f24", "#ffffff", "#f4f6f8", "#8b949e", PLAIN_COLOUR, RESIDUAL_COLOUR)
PAGE = Palette("var(--ink)", "var(--paper)", "var(--soft)", "var(--muted)", PLAIN_COLOUR, "var(--accent)")


def units_svg(colours: Palette = FILE) -> str:
    """The drawing as one SVG element without a size, as wide as its place; `colours` is FILE or PAGE."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{DESCRIPTION}" font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, '
        f'sans-serif" font-size="23" text-anchor="middle" fill="{colours.ink}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colours.paper}"/>',
        *_unit(PLAIN_X, "plain unit", "x′ = f(F(x))", colours.plain, colours),
        *_unit(RESIDUAL_X, "residual unit", "x′ = f(h(x) + F(x))", colours.residual, colours),
        *_shortcut(colours),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box_top(number: int) -> int:
    return TOP + number * (BOX_HEIGHT + GAP)


END_OF_BRANCH = _box_top(len(LAYERS)) - GAP
ADDITION = END_OF_BRANCH + 36  # the middle of the circle
ACTIVATION = ADDITION + 36  # the top of the last box


def _unit(x: int, title: str, formula: str, colour: str, colours: Palette) -> list[str]:
    """A titled column of boxes: the branch F and the activation f."""
    left = x - BOX_WIDTH // 2
    parts = [
        _text(x, 34, title, f'font-weight="700" font-size="28" fill="{colour}"'),
        _text(x, 84, "x", 'font-style="italic"'),
        _arrow(x, 94, TOP, colours.ink),
    ]
    for number, layer in enumerate(LAYERS):
        parts += _box(x, _box_top(number), layer, colours)
        if number:
            parts.append(_arrow(x, _box_top(number) - GAP, _box_top(number), colours.ink))
    parts += [
        _arrow(x, END_OF_BRANCH, ACTIVATION, colours.ink),
        *_box(x, ACTIVATION, "ReLU", colours),
        _arrow(x, ACTIVATION + BOX_HEIGHT, ACTIVATION + BOX_HEIGHT + 34, colours.ink),
        _text(x, ACTIVATION + BOX_HEIGHT + 66, formula, f'font-style="italic" font-size="26" fill="{colour}"'),
        f'<path d="M{left - 10} {TOP}h-10V{END_OF_BRANCH}h10" fill="none" stroke="{colours.edge}" stroke-width="2"/>',
        _text(left - 42, (TOP + END_OF_BRANCH) // 2 + 8, "F", 'font-style="italic"'),
        _text(left - 42, ACTIVATION + BOX_HEIGHT // 2 + 8, "f", 'font-style="italic"'),
    ]
    return parts


def _shortcut(colours: Palette) -> list[str]:
    """The line from x around F to the addition."""
    radius, start, middle = 14, 102, (TOP + END_OF_BRANCH) // 2
    return [
        f'<path d="M{RESIDUAL_X} {start}H{SHORTCUT_X - 20}q20 0 20 20V{ADDITION - 20}q0 20 -20 20H'
        f'{RESIDUAL_X + radius + 12}" fill="none" stroke="{colours.residual}" stroke-width="4"/>',
        f'<path d="M{RESIDUAL_X + radius} {ADDITION}l14 -8v16z" fill="{colours.residual}"/>',
        f'<circle cx="{RESIDUAL_X}" cy="{start}" r="4.5" fill="{colours.residual}"/>',
        f'<circle cx="{RESIDUAL_X}" cy="{ADDITION}" r="{radius}" fill="{colours.residual}"/>',
        f'<path d="M{RESIDUAL_X - 7} {ADDITION}h14m-7 -7v14" stroke="{colours.paper}" stroke-width="3"/>',
        _text(SHORTCUT_X + 12, middle - 10, "shortcut", f'text-anchor="start" fill="{colours.residual}"'),
        _text(
            SHORTCUT_X + 12, middle + 20, "h(x)", f'text-anchor="start" font-style="italic" fill="{colours.residual}"'
        ),
    ]


def _box(x: int, top: int, text: str, colours: Palette) -> list[str]:
    return [
        f'<rect x="{x - BOX_WIDTH // 2}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" '
        f'fill="{colours.box}" stroke="{colours.edge}" stroke-width="1.5"/>',
        _text(x, top + BOX_HEIGHT // 2 + 8, text),
    ]


def _arrow(x: int, start: int, end: int, colour: str) -> str:
    """An arrow that points down to `end`."""
    shaft = f'<path d="M{x} {start}V{end - 9}" stroke="{colour}" stroke-width="2.5"/>'
    return f'{shaft}<path d="M{x} {end}l-6 -11h12z" fill="{colour}"/>'


def _text(x: int, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}"{style and " " + style}>{text}</text>'
