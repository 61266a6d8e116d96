"""In which fields of their specs nets differ: as columns that tell them apart, and in words."""

from collections.abc import Iterable, Sequence
from typing import Any

from resnet_repro.analysis.groups import BOOKKEEPING, Entry
from resnet_repro.spec import Warmup
from resnet_repro.text_tables import counted

MOST = 3  # columns of a table, and fields that a sentence names
FIRST = "learning_rate"  # of the columns


def differing_training(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The fields of `training` in which nets differ, beside what their names say, with a text for each net."""
    recipes = [entry.training.model_dump(exclude=BOOKKEEPING) for entry in entries]
    names = sorted(recipes[0], key=lambda name: name != FIRST) if recipes else []
    differing = [name for name in names if any(recipe[name] != recipes[0][name] for recipe in recipes)]
    return {
        name.replace("_", " "): [field_text(getattr(entry.training, name)) for entry in entries] for name in differing
    }


def field_columns(entries: Sequence[Entry]) -> tuple[dict[str, list[str]], str]:
    """As many of the differing fields as a table has room for, and a sentence about the others, if there are any."""
    found = list(differing_training(entries).items())
    others = [name for name, _ in found[MOST:]]
    return dict(found[:MOST]), f"These nets also differ in {', '.join(others)}." if others else ""


def field_text(value: Any) -> str:
    """The value of a field as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Warmup):
        until = f"for {value.steps} steps" if value.steps else f"until {value.until_train_error_pct:g} %"
        return f"{value.learning_rate:g} {until}"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value).replace("_", " ")


def differences(one: Entry, other: Entry, ignored: Iterable[str] = ()) -> list[str]:
    """The fields in which two nets and their trainings differ: "width (4 and 8)".

    Leaves out what is ignored, and milestones if they follow other steps.
    """
    found: dict[str, list[Any]] = {}
    for section in ("model", "data", "training"):
        ours, theirs = (getattr(entry.runs[0].experiment, section) for entry in (one, other))
        found |= {name: [value, getattr(theirs, name)] for name, value in ours if value != getattr(theirs, name)}
    ours, theirs = one.runs[0], other.runs[0]
    found |= {
        "data": [ours.data_name, theirs.data_name] if ours.digest != theirs.digest else [],
        "precision": [ours.precision, theirs.precision] if ours.precision != theirs.precision else [],
    }
    left_out = {*ignored, *BOOKKEEPING} - {"precision"} | ({"milestones"} if "steps" in found else set())
    return [
        f"{name.replace('_', ' ')} ({' and '.join(map(field_text, values))})"
        for name, values in found.items()
        if values and name not in left_out
    ]


def in_words(found: Sequence[str]) -> str:
    """The first differences, and how many more there are."""
    more = len(found) - MOST
    return ", ".join(found[:MOST]) + (f" and {counted(more, 'more field')}" if more > 0 else "")
