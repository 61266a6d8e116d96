"""What `compare` prints: what differs between nets, their errors, and whether these can be told apart."""

from typing import Any

from resnet_repro.analysis.compared import Net
from resnet_repro.analysis.comparison import Comparison, Difference
from resnet_repro.analysis.comparison_text import notes, parts
from resnet_repro.analysis.groups import COLUMNS, uncounted
from resnet_repro.cli.options import Format
from resnet_repro.cli.show.formats import marked, print_as, print_records
from resnet_repro.spec.section import Section


def print_comparison(found: Comparison, form: Format) -> None:
    """The table of what differs and that of the errors, or both as JSON; as CSV the differences."""
    if form in ("csv", "json"):
        print_records(form, comparison_json(found), difference_records(found))
        return
    fields, errors = parts(found)
    print_as(form, fields.title, fields.columns, fields.rows)
    print_as(form, errors.title, errors.columns, errors.rows, marked(form, notes(found)))


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The nets, what differs between them, and each difference of an error."""
    names = [net.name for net in found.nets]
    return {
        "base": found.base.name,
        "nets": [_net_json(net) for net in found.nets],
        "fields": [
            {
                "field": field.field,
                "values": dict(zip(names, map(_value_json, field.values), strict=True)),
                "changes_errors": field.changes_errors,
                "is_recorded": field.is_recorded,
            }
            for field in found.fields
        ],
        "differences": [{"net": one.net, "measure": one.measure, **_difference_json(one)} for one in found.differences],
    }


def _value_json(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Section) else value


def difference_records(found: Comparison) -> list[dict[str, Any]]:
    """A flat record for each difference, with the errors of both nets."""
    nets = {net.name: net for net in found.others}
    return [
        {
            "base": found.base.name,
            "net": one.net,
            "measure": one.measure,
            "base_error_pct": _final(found.base, one.measure),
            "net_error_pct": _final(nets[one.net], one.measure),
            **_difference_json(one),
            "more_seeds": {
                place: None if one.more_seeds is None else one.more_seeds.get(name, 0)
                for place, name in (("of_base", found.base.name), ("of_net", one.net))
            },
        }
        for one in found.differences
    ]


def _net_json(net: Net) -> dict[str, Any]:
    return {
        "net": net.name,
        "experiment": net.entry.runs[0].experiment.name,
        **{column: _final(net, column) for column in COLUMNS},
        "precision": net.entry.runs[0].precision,
        "not_counted": uncounted(net.entry.runs),
        "conditions": net.group.condition._asdict(),
        "runs": [run.path.as_posix() for run in net.entry.runs],
    }


def _final(net: Net, column: str) -> dict[str, Any] | None:
    final = net.entry.final(column)
    return final._asdict() if final else None


def _difference_json(one: Difference) -> dict[str, Any]:
    interval = one.interval
    return {
        "difference": interval.value if interval else None,
        "half_width": interval.half_width if interval else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "confidence": 1 - interval.chance if interval else None,
        "verdict": one.verdict,
        "more_seeds": one.more_seeds,
        "reason": one.reason,
        "basis": interval.basis if interval else None,
    }
