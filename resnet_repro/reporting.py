"""What the commands print on stdout, as tables for people and as plain numbers for programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from resnet_repro.analysis.effects import effects
from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import FINAL_COLUMNS, Entry, Group
from resnet_repro.analysis.loading import data_name, made_unlike
from resnet_repro.claims.phrases import published_value
from resnet_repro.claims.samples import published_number
from resnet_repro.errors import printable
from resnet_repro.record.run import Run
from resnet_repro.text_tables import markdown_table, print_table

if TYPE_CHECKING:
    from resnet_repro.data import Dataset


def print_group(group: Group, markdown: bool) -> None:
    """Final errors, mean ± standard deviation (number of runs), then the degradation and its fix in points."""
    title = group.title()
    columns = ["net", *FINAL_COLUMNS.values(), "the paper's test error %"]
    rows = [[entry.name, *_finals(entry), _published(entry)] for entry in group.entries]
    lines = [
        f"{effect.name}: {effect.worse} against {effect.better}, "
        f"{FINAL_COLUMNS[effect.column].removesuffix(' %')}: {effect}"
        for effect in effects(group)
    ]
    if markdown:
        print(f"{title}\n\n{markdown_table(columns, rows)}\n")
        print("".join(f"- {line}\n" for line in lines))
    else:
        print_table(title, columns, rows)
        print("".join(f"{line}\n" for line in lines))


def group_json(group: Group) -> dict[str, Any]:
    """The same as plain numbers."""
    return {
        **group.condition._asdict(),
        "nets": [
            {
                "net": entry.name,
                "experiment": entry.runs[0].experiment.name,
                **{column: _estimate_json(entry.final(column)) for column in FINAL_COLUMNS},
                "published": number._asdict() if (number := published_number(entry, "test_error_pct")) else None,
            }
            for entry in group.entries
        ],
        "effects": [effect._asdict() for effect in effects(group)],
    }


def print_runs(runs: Sequence[Run]) -> None:
    """A line for each; ≠ marks those of an experiment whose runs were made in different environments."""
    unlike = {found.experiment: found for found in made_unlike(runs)}
    columns = ["run", "seed", "status", "steps", "training error %", "test error %", "data", "device", "minutes"]
    rows = [
        [
            str(run.path.parent),
            str(run.experiment.seed),
            run.status,
            f"{run.final.step if run.final else 0} of {run.experiment.training.steps}",
            _number(run.final.train_error_pct if run.final else None),
            _number(run.final.test_error_pct if run.final else None),
            data_name(run),
            str(run.environment.get("device_name", "")) + " ≠" * (run.path.parent.as_posix() in unlike),
            _number(run.final.elapsed_seconds / 60 if run.final else None, 1),
        ]
        for run in runs
    ]
    print_table(f"{len(runs)} runs", columns, rows)
    for found in unlike.values():
        print(f"≠ {printable(str(found))}")


def runs_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    unlike = {found.experiment: list(found.fields) for found in made_unlike(runs)}
    return [{**_run_json(run), "environments_differ_in": unlike.get(run.path.parent.as_posix(), [])} for run in runs]


def _run_json(run: Run) -> dict[str, Any]:
    return {
        "path": run.path.as_posix(),
        "name": run.experiment.name,
        "seed": run.experiment.seed,
        "status": run.status,
        "steps": run.experiment.training.steps,
        "data": run.environment.get("data"),
        "device": run.environment.get("device_name"),
        "final": asdict(run.final) if run.final else None,
    }


def print_data(dataset: "Dataset", folder: str, classes: Sequence[str]) -> None:
    counts = [Counter(split.labels.tolist()) for split in (dataset.train, dataset.test)]
    rows = [[name, *(str(count[label]) for count in counts)] for label, name in enumerate(classes)]
    rows.append(["all", *(str(sum(count.values())) for count in counts)])
    print_table(folder, ["class", "training images", "test images"], rows)
    for split, digest in zip(("train", "test"), dataset.digest.split(), strict=True):
        print(f"{split} digest {digest}")
    print("exact: this is the true CIFAR-10" if dataset.exact else "NOT EXACT: this is not the true CIFAR-10")


def _finals(entry: Entry) -> list[str]:
    if not entry.finished:
        return [", ".join(sorted({run.status for run in entry.runs})), *[""] * (len(FINAL_COLUMNS) - 1)]
    return [str(entry.final(column)) for column in FINAL_COLUMNS]


def _published(entry: Entry) -> str:
    number = published_number(entry, "test_error_pct")
    return published_value(number) if number else ""


def _estimate_json(value: Estimate | None) -> dict[str, Any] | None:
    return value._asdict() if value else None


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
