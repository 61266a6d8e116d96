"""Describes a mistake in a spec in one line: where it is, what is wrong, and the nearest valid choice."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from resnet_repro.nearest import did_you_mean, nearest
from resnet_repro.spec import Experiment
from resnet_repro.spec.own import ADDED, growing, remedy
from resnet_repro.spec.section import Section, section_in

Key = tuple[str, ...]  # ("training", "steps")
SEVERAL = re.compile(r"[\w.+-]+( *, *[\w.+-]+)+")  # values with commas between them


def explain(error: ValidationError, place: Callable[[Key], str]) -> str:
    """One line for the first problem of `error`. `place` gives the file and line of a key."""
    follow_up = "default_factory_not_called"  # the default of this field depends on another one, which is wrong
    problems = [problem for problem in error.errors(include_url=False) if problem["type"] != follow_up]
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    problem = problems[0]
    key = tuple(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if inner := re.match(r"([a-z_.]+): ", message):  # a rule over several fields names the one to change
        key, message = (*key, *inner[1].split(".")), message[inner.end() :]
    match problem["type"]:
        case "extra_forbidden":
            message = f"unknown key{_suggestion(key)}"
        case "missing":
            message = "is missing; add it"
        case "model_type":
            message = "should be a section of 'key: value' lines"
        case "string_type" if isinstance(problem["input"], int | float):
            message = f"{short(problem['input'])} should be text; put it in quotes"
        case kind if kind != "value_error":
            message = f"{short(problem['input'])} {message.replace('Input should', 'should')}"
    several = _several(problem["input"], key)
    if problem["type"] == "literal_error" and not several:
        message += _remedy(key, problem["input"], Path(place(())))
    message += several
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place(key)}: {'.'.join(key)}: {message}{more}"


def _suggestion(key: Key) -> str:
    known = list(_section_at(key[:-1]).model_fields)
    for candidates, prefix in ((known, ""), *((list(inner), f"{name}.") for name, inner in _sections())):
        if close := nearest(key[-1], candidates, most=1):
            return did_you_mean([prefix + close[0]])
    return f"; known here: {', '.join(known)}"


def _section_at(key: Key) -> type[Section]:
    """The section that this key leads to, or the one around it."""
    section: type[Section] = Experiment
    for part in key:
        section = section_in(section.model_fields[part].annotation) or section
    return section


def _remedy(key: Key, value: object, spec: Path) -> str:
    """How to make a name valid that is none of the choices of a field which may have names of the user's own."""
    field = [part for part in key if not part.isdecimal()]  # without the place in a list
    choices = growing(_section_at(key[:1])).get(field[-1])
    return "" if choices is None else remedy(value, (*choices, *ADDED.get(".".join(field), {})), spec)


def _several(value: object, key: Key) -> str:
    """The end of a message about a value that seems to be several ones, such as "0.05,0.1": how to give these."""
    if key == ("name",) or not isinstance(value, str) or not SEVERAL.fullmatch(value):
        return ""
    values = value.replace(" ", "")
    if key[-1].isdecimal():  # an item of a list
        return f"; write a list in brackets: [{values}]"
    how = f"--seeds {values}" if key == ("seed",) else f"--vary {'.'.join(key)}={values}"
    return f"; 'train' with {how} trains a run for each value"


def _sections() -> Iterator[tuple[str, Iterable[str]]]:
    for name, info in Experiment.model_fields.items():
        if inner := section_in(info.annotation):
            yield name, inner.model_fields


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
