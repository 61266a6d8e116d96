"""Makes SVG smaller: rounded numbers, relative paths, no empty groups, and classes for repeated styles."""

import re
from xml.etree.ElementTree import Element

NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
COORDINATES = ("x", "y", "width", "height", "transform")  # attributes, in points


def compact(root: Element, prefix: str) -> None:
    """Change an SVG without namespaces in place. Class names begin with `prefix`, as they apply to the whole page."""
    for element in root.iter():
        if "d" in element.attrib:
            element.set("d", relative(element.attrib["d"]))
        for name in COORDINATES:
            if name in element.attrib:
                value = re.sub(r"rotate\(-?0 [^)]*\)", "", element.attrib.pop(name))
                if value:
                    element.set(name, NUMBER.sub(lambda number: rounded(number[0]), value))
    definitions = Element("defs")
    _dissolve(root, definitions)
    root.insert(0, definitions)
    _classes(root, prefix)


def rounded(number: str, digits: int = 1) -> str:
    """A number with few digits: "0.50" becomes ".5". A tenth of a point is hardly visible."""
    text = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", "0" if text == "-0" else text)


def relative(path: str) -> str:
    """A path of straight lines as relative steps, which are short; other paths with rounded numbers.

    The steps are between rounded points, so that rounding errors do not add up.
    """
    if re.search(r"[A-KN-Ya-y]", path):
        return NUMBER.sub(lambda number: rounded(number[0], 2), " ".join(path.split()))
    written, here = [], (0, 0)
    for command, x, y in re.findall(r"([MLz])\s*(?:(\S+) (\S+))?", path):
        if command == "z":
            written.append("z")
            continue
        there = round(10 * float(x)), round(10 * float(y))  # tenths of a point
        across, up = (rounded(str((new - old) / 10)) for new, old in zip(there, here, strict=True))
        if command == "M":
            written.append("M" + _pair(*(rounded(str(place / 10)) for place in there)))
        elif up == "0":
            written.append(f"h{across}")
        else:
            written.append(f"v{up}" if across == "0" else "l" + _pair(across, up))
        here = there
    return "".join(written)


def _pair(x: str, y: str) -> str:
    return x + (y if y.startswith("-") else f" {y}")


def _dissolve(element: Element, definitions: Element) -> None:
    """Replace groups without attributes by their children, and move definitions into `definitions`.

    There they still serve other elements if the net that they came with is hidden.
    """
    children: list[Element] = []
    for child in list(element):
        _dissolve(child, definitions)
        if child.tag == "defs":
            definitions.extend(child)
        elif child.tag == "g" and not child.attrib:
            children += list(child)
        elif child.get("style") != "fill:none" and (child.tag != "g" or len(child)):  # drop what is invisible
            children.append(child)
    element[:] = children


def _classes(root: Element, prefix: str) -> None:
    """Move repeated styles into CSS classes; clip paths get their own. Definitions get the style of their users."""
    for definition in root[0]:
        definition.attrib.pop("style", None)
    names: dict[str, str] = {}
    for element in root.iter():
        style, _, clip = element.attrib.pop("style", "").partition("clip-path:")
        parts = [part for part in (style.rstrip(";"), clip and f"clip-path:{clip}") if part]
        if parts:
            element.set("class", " ".join(names.setdefault(part, f"{prefix}-s{len(names)}") for part in parts))
    sheet = Element("style")
    sheet.text = "".join(f".{name}{{{style}}}" for style, name in names.items())
    root.insert(0, sheet)
