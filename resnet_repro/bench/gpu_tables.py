"""The results of a GPU check as tables and lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from resnet_repro.bench.columns import Format, TextTable, number, percent, title

SPEED_COLUMNS: dict[str, Format] = {
    "spec": lambda row: row["spec"],
    "batch": number("batch_size"),
    "computed in": lambda row: f"{row['precision']}, {row['engine']}",
    "BN by": lambda row: row.get("kernels", "–"),  # older checks do not tell
    "ms a step": number("step_ms", 2),
    "images/s": number("images_per_second"),
    "minutes for 64,000 steps": number("minutes", 1),
    "start to first step, s": number("start_seconds", 1),
    "memory GB": lambda row: "–" if row["memory_bytes"] is None else f"{row['memory_bytes'] / 1e9:.2f}",
}
AGREEMENT_COLUMNS: dict[str, Format] = {
    "replayed against eager": lambda row: row["what"],
    "steps": number("steps"),
    "engine": lambda row: row["engine"],
    "largest difference of a loss": number("largest_difference", 4),
    "two eager runs": number("noise", 4),
    "agrees": lambda row: "yes" if row["agrees"] else "no",
}
SIDE_BY_SIDE_COLUMNS: dict[str, Format] = {
    "runs side by side": lambda row: f"{row['runs']} × {row['spec']}",
    "images/s together": number("images_per_second"),
    "against one": number("relative_speed", 2),
}
SUITE_COLUMNS: dict[str, Format] = {"all side by side": lambda row: row["spec"], "ms a step": number("step_ms", 2)}
EVALUATION_COLUMNS: dict[str, Format] = {
    "evaluation after each epoch": lambda row: row["spec"],
    "seconds": number("evaluation_seconds", 3),
    "% of the training between": percent("evaluation_share"),
}
KERNEL_COLUMNS: dict[str, Format] = {
    "kernels of a step": lambda row: row["spec"],
    "computed in": lambda row: row["precision"],
    "launches": number("kernels"),
    "ms in kernels": number("kernel_ms", 2),
}
COSTLIEST_COLUMNS: dict[str, Format] = {
    "kernel": lambda row: row["name"],
    "launches a step": number("count", 1),
    "µs a step": number("microseconds", 1),
}


def check_tables(found: Mapping[str, Any]) -> list[TextTable]:
    """The tables that have rows. Raises LookupError or TypeError if `found` is not the result of a check."""
    where = title(dict(found))
    order = [{"what": "order of the mini-batches", "noise": None, **row} for row in found["order"]]
    agreement = [{"what": f"{row['spec']}, {row['precision']}", **row} for row in found["agreement"]]
    suite = found["suite"] or {"step_ms": {}}
    together = [{"spec": name, "step_ms": step_ms} for name, step_ms in suite["step_ms"].items()]
    costliest = found["kernels"][0]["costliest"] if found["kernels"] else []
    tables = [
        _table(f"GPU check · {where}", SPEED_COLUMNS, found["speed"]),
        _table("Is a replayed step the same as an eager one?", AGREEMENT_COLUMNS, [*order, *agreement]),
        _table("Several runs of one net", SIDE_BY_SIDE_COLUMNS, found["side_by_side"]),
        _table(_suite_title(suite) if together else "", SUITE_COLUMNS, together),
        _table("Evaluation", EVALUATION_COLUMNS, found["evaluation"]),
        _table("Kernels, copies and fills", KERNEL_COLUMNS, found["kernels"]),
        _table("The costliest of the first net", COSTLIEST_COLUMNS, costliest),
    ]
    return [table for table in tables if table.rows]


def remarks(found: Mapping[str, Any]) -> list[str]:
    """The results that are in no table."""
    start = found["start"]
    lines = [f"left out for lack of time: {name}" for name in found["left_out"]]
    lines += [f"note: {notice}" for notice in dict.fromkeys(found["notices"])]
    if start:
        seconds = f"{start['first_seconds']:.1f} s for the first run of a process, {start['second_seconds']:.1f} s"
        lines.append(f"start to first step, with the data in memory: {seconds} for the second")
    return lines


def problems(found: Mapping[str, Any]) -> list[str]:
    """Faults of the GPU check: parts that failed, steps that were not captured, losses that differ."""
    failed = [f"{failure['part']}: {failure['cause']}" for failure in found["failures"]]
    eager = [f"{row['spec']}, {row['precision']}: not captured" for row in found["speed"] if "eager" in row["engine"]]
    order = ["the order of the mini-batches differs from that of eager runs"
             for row in found["order"] if not row["agrees"]]  # fmt: skip
    losses = [f"{row['precision']}: losses differ from those of eager runs"
              for row in found["agreement"] if not row["agrees"]]  # fmt: skip
    return [*failed, *eager, *order, *losses]


def _table(heading: str, columns: Mapping[str, Format], rows: Sequence[dict[str, Any]]) -> TextTable:
    return TextTable(heading, list(columns), [[cell(row) for cell in columns.values()] for row in rows])


def _suite_title(suite: Mapping[str, Any]) -> str:
    return (
        f"64,000 steps of {suite['runs']} nets: {suite['minutes_one_by_one']:.1f} minutes one after another, "
        f"{suite['minutes_side_by_side']:.1f} side by side ({suite['speedup']:.2f} times as fast)"
    )
