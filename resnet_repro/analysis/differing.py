"""What differs between nets: the fields of their specs, and what their runs recorded of data and machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resnet_repro.analysis.compared import Net
from resnet_repro.analysis.groups import BOOKKEEPING
from resnet_repro.record.provenance import segments
from resnet_repro.record.run import Run
from resnet_repro.spec.file import differing_fields


@dataclass(frozen=True)
class FieldDifference:
    """A field of the specs, or a recorded condition, with its value for the base and for each other net."""

    field: str
    values: tuple[Any, ...]
    changes_errors: bool = True
    is_recorded: bool = False  # by the runs, and no field of a spec


def differing(nets: Sequence[Net]) -> tuple[FieldDifference, ...]:
    """The fields of the specs, those that change no error last, then what was recorded."""
    return (*_spec_fields(nets), *_recorded_fields(nets))


def _spec_fields(nets: Sequence[Net]) -> list[FieldDifference]:
    """The fields in which the specs differ; those that change no error last."""
    found = differing_fields(net.entry.runs[0].experiment for net in nets)
    fields = [FieldDifference(name, tuple(values), _changes_errors(name)) for name, values in found.items()
              if name not in ("name", "seed")]  # fmt: skip
    return sorted(fields, key=lambda field: not field.changes_errors)


def _changes_errors(field: str) -> bool:
    section, _, name = field.partition(".")
    return section != "probes" and not (section == "training" and name in BOOKKEEPING)


def _recorded_fields(nets: Sequence[Net]) -> list[FieldDifference]:
    """The data, and what may change the bits of a run, where the runs of one net have other values than another's."""
    recorded = [[_recorded(run, segment) for run in net.entry.runs for segment in segments(run.environment)]
                for net in nets]  # fmt: skip
    found = []
    for name in recorded[0][0]:
        values = tuple(" or ".join(sorted({one[name] for one in several})) for several in recorded)
        if any(value != values[0] for value in values):
            found.append(FieldDifference(name, values, name in ("data", "precision"), is_recorded=True))
    return found


def _recorded(run: Run, segment: dict[str, str]) -> dict[str, str]:
    same = {name: value for name, value in segment.items() if name != "imported"}
    own = segment["imported"] or "none"
    return {"data": run.data_name, **same, "precision": run.precision, "device": segment["device"] or "unknown",
            "own file": own}  # fmt: skip
