"""The colours and line styles of nets, distinct for colour-blind readers."""

from collections.abc import Sequence

from matplotlib.colors import to_hex, to_rgb

from resnet_repro.analysis.groups import Entry

# The colours of Okabe and Ito, distinct for every kind of colour vision, without yellow, which is too pale on white.
DEPTH_COLOURS = {20: "#E69F00", 32: "#009E73", 44: "#56B4E9", 56: "#D55E00", 110: "#0072B2", 1202: "#CC79A7"}
OTHER_COLOURS = ("#000000", "#7f6d5f", "#5f7f6d", "#6d5f7f")
MANY_COLOURS = (*DEPTH_COLOURS.values(), "#000000", "#999933", "#882255", "#8a8a8a", "#6d5fc4")
STEP_COLOURS = ("#fcc02b", "#e8704a", "#b33a7a", "#6a1ea1", "#0d0887")  # from early to late steps
FREE_COLOURS = ("#CC79A7", "#009E73", "#000000")  # far from those of 20 and 56 layers and of residual nets
PLAIN_COLOUR, RESIDUAL_COLOUR = "#D55E00", "#0072B2"
LINE_COLOURS = tuple(dict.fromkeys((*MANY_COLOURS, *OTHER_COLOURS, *FREE_COLOURS, PLAIN_COLOUR, RESIDUAL_COLOUR)))
CONTRAST = 4.5  # at least, of small text with what is behind it; WCAG 2.2, criterion 1.4.3


def ink(colour: str, paper: str = "#ffffff") -> str:
    """The colour of text on `paper` about what is drawn in `colour`: as dark, or as light, as reading needs."""
    behind = _luminance(to_rgb(paper))
    end = max(0.0, 1.0, key=lambda grey: _contrast(grey, behind))  # black or white
    shares = (hundredths / 100 for hundredths in range(101))
    mixtures = (_mixed(to_rgb(colour), end, share) for share in shares)
    return next(mixed for mixed in mixtures if _contrast(_luminance(to_rgb(mixed)), behind) >= CONTRAST)


def _mixed(parts: tuple[float, float, float], end: float, share: float) -> str:
    red, green, blue = (part + share * (end - part) for part in parts)
    return to_hex((red, green, blue))


def _contrast(one: float, other: float) -> float:
    """Of two luminances, from 1 to 21; WCAG 2.2."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _luminance(parts: tuple[float, float, float]) -> float:
    """The relative luminance of an sRGB colour, from 0 to 1; WCAG 2.2."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def depth_colours(depths: Sequence[int]) -> dict[int, str]:
    """A colour for each depth: fixed for the papers' depths; others take the free colours in turn."""
    others = [depth for depth in sorted(set(depths)) if depth not in DEPTH_COLOURS]
    free = (*(colour for depth, colour in reversed(DEPTH_COLOURS.items()) if depth not in depths), *OTHER_COLOURS)
    return DEPTH_COLOURS | {depth: free[i % len(free)] for i, depth in enumerate(others)}


def distinct_styles(entries: Sequence[Entry]) -> dict[Entry, tuple[str, str]]:
    """A colour of its own and a line style for each net: plain nets the colour of their depth, a residual net blue.

    If two nets would share a colour, the one with the longer name, which differs more from the papers' nets, takes a
    free one.
    """
    by_depth = depth_colours([entry.model.depth for entry in entries])
    styles: dict[Entry, tuple[str, str]] = {}
    for entry in sorted(entries, key=lambda entry: len(entry.name)):
        own, line = (by_depth[entry.model.depth], "--") if entry.model.shortcut == "none" else (RESIDUAL_COLOUR, "-")
        taken = {colour for colour, _ in styles.values()}
        free = (colour for colour in (own, *FREE_COLOURS, *MANY_COLOURS) if colour not in taken)
        styles[entry] = next(free, own), line
    return {entry: styles[entry] for entry in entries}


def entry_styles(entries: Sequence[Entry]) -> dict[Entry, tuple[str, str]]:
    """A colour and a line style for each net: by depth and kind if these differ between all nets, else in turn.

    Plain nets are dashed and residual nets solid; without BN they are dotted and dash-dotted.
    """
    kinds = {(False, "batch"): "-", (True, "batch"): "--", (True, "none"): ":", (False, "none"): "-."}
    lines = tuple(kinds.values())
    keys = [(entry.model.depth, (entry.model.shortcut == "none", entry.model.normalization)) for entry in entries]
    if len(set(keys)) == len(keys):
        colours = depth_colours([depth for depth, _ in keys])
        return {entry: (colours[depth], kinds[kind]) for entry, (depth, kind) in zip(entries, keys, strict=True)}
    return {
        entry: (MANY_COLOURS[number % len(MANY_COLOURS)], lines[number // len(MANY_COLOURS) % len(lines)])
        for number, entry in enumerate(entries)
    }
