"""In what nets differ: the fields of their specs, and what their runs recorded of data and machine."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_repro.analysis.groups import BOOKKEEPING, Entry
from resnet_repro.record.provenance import segments
from resnet_repro.record.run import Run
from resnet_repro.spec import Experiment, Warmup
from resnet_repro.spec.file import differing_fields
from resnet_repro.spec.section import section_in
from resnet_repro.text_tables import counted

MOST = 3  # columns of a table, and fields that a sentence names
FIRST = "training.learning_rate"  # of the columns
NO_FILE = "none"


@dataclass(frozen=True)
class FieldDifference:
    """A field of the specs, or a recorded condition, with its value for each net."""

    field: str
    values: tuple[Any, ...]
    changes_errors: bool = True
    is_recorded: bool = False  # by the runs, and no field of a spec

    @property
    def name(self) -> str:
        """As "learning rate"."""
        return self.field.rpartition(".")[2].replace("_", " ")


def differing(entries: Sequence[Entry]) -> tuple[FieldDifference, ...]:
    """The fields of the specs, those that change no error last, then what was recorded."""
    return (*_spec_fields(entries), *_recorded_fields(entries))


def _spec_fields(entries: Sequence[Entry]) -> list[FieldDifference]:
    """The fields in which the specs differ, of which a warm-up is one; those that change no error last.

    The value is None in a spec without the section, as that of a net which has not grown.
    """
    experiments = [entry.runs[0].experiment for entry in entries]
    names = {".".join(name.split(".")[:2]) for name in differing_fields(experiments)}
    found = [
        FieldDifference(f"{name}.{field}", tuple(getattr(getattr(one, name), field, None) for one in experiments),
                        _changes_errors(name, field))
        for name, info in Experiment.model_fields.items()
        if (section := section_in(info.annotation))
        for field in section.model_fields
        if f"{name}.{field}" in names
    ]  # fmt: skip
    return sorted(found, key=lambda field: not field.changes_errors)


def _changes_errors(section: str, field: str) -> bool:
    return section != "probes" and not (section == "training" and field in BOOKKEEPING)


def _recorded_fields(entries: Sequence[Entry]) -> list[FieldDifference]:
    """The data, and what may change the bits of a run, where the runs of one net have other values than another's."""
    recorded = [[_recorded(run, segment) for run in entry.runs for segment in segments(run.environment)]
                for entry in entries]  # fmt: skip
    found = []
    for name in recorded[0][0]:
        values = tuple(" or ".join(sorted({one[name] for one in several})) for several in recorded)
        two_files = name == "own file" and len({*values} - {NO_FILE}) > 1  # one alone is in the specs, as a name
        if any(value != values[0] for value in values):
            found.append(FieldDifference(name, values, name in ("data", "precision") or two_files, is_recorded=True))
    return found


def _recorded(run: Run, segment: dict[str, str]) -> dict[str, str]:
    same = {name: value for name, value in segment.items() if name != "imported"}
    own = segment["imported"] or NO_FILE
    return {"data": run.data_name, **same, "precision": run.precision, "device": segment["device"] or "unknown",
            "own file": own}  # fmt: skip


def field_text(value: Any) -> str:
    """The value of a field as people read it."""
    if isinstance(value, Warmup):
        until = f"for {value.steps} steps" if value.steps else f"until {value.until_train_error_pct:g} %"
        return f"{value.learning_rate:g} {until}"
    if isinstance(value, list | tuple):
        return ", ".join(map(field_text, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def differing_training(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The fields of `training` in which nets differ, beside what their names say, with a text for each net."""
    found = [field for field in _spec_fields(entries) if field.field.startswith("training.") and field.changes_errors]
    return {
        field.name: list(map(field_text, field.values)) for field in sorted(found, key=lambda one: one.field != FIRST)
    }


def told_apart(names: Sequence[str], entries: Sequence[Entry], ignored: Collection[str] = ()) -> list[str]:
    """The names; equal ones are followed by what differs in their training: "plain-20, learning rate 0.05"."""
    fields = {name: texts for name, texts in differing_training(entries).items() if name not in ignored}
    more = [", ".join(f"{name} {texts[place]}" for name, texts in fields.items()) for place in range(len(entries))]
    told = list(names)
    for texts in (more, [entry.runs[0].precision for entry in entries]):
        told = [f"{name}, {text}" if text and told.count(name) > 1 else name
                for name, text in zip(told, texts, strict=True)]  # fmt: skip
    return told


def field_columns(entries: Sequence[Entry]) -> tuple[dict[str, list[str]], str]:
    """As many of the differing fields as a table has room for, and a sentence about the others, if there are any."""
    found = list(differing_training(entries).items())
    others = [name for name, _ in found[MOST:]]
    return dict(found[:MOST]), f"These nets also differ in {', '.join(others)}." if others else ""


def differences(one: Entry, other: Entry, ignored: Iterable[str] = ()) -> list[str]:
    """The fields in which two nets and their trainings differ: "width (4 and 8)".

    Leaves out what is ignored, and what follows another field: milestones other steps, the data the fields of theirs.
    """
    found = {field.field: field for field in differing([one, other]) if field.changes_errors}
    follow = {"training.milestones"} if "training.steps" in found else set()
    follow |= {"data"} if any(name.startswith("data.") for name in found) else set()
    return [
        f"{field.name} ({' and '.join(map(field_text, field.values))})"
        for field in found.values()
        if field.field not in follow and field.field.rpartition(".")[2] not in ignored
    ]


def in_words(found: Sequence[str]) -> str:
    """The first differences, and how many more there are."""
    more = len(found) - MOST
    return ", ".join(found[:MOST]) + (f" and {counted(more, 'more field')}" if more > 0 else "")
