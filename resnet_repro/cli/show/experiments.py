"""What `experiments` prints: the experiments that the package carries, suite by suite."""

import textwrap
from itertools import groupby
from typing import Any

from resnet_repro.describe import multiply_adds
from resnet_repro.spec.carried import carried_specs, heading, suites
from resnet_repro.spec.file import read_spec
from resnet_repro.text_tables import print_table

COLUMNS = ("experiment", "expect", "cost")
UNIT = "quick/plain20"  # the experiment whose cost is 1
WIDTH = 80  # characters of a line
NOTES = f"""\
cost: multiply-adds of the training; {UNIT} has 1, and takes about a
minute on two CPU cores; resnet-repro train NAME --dry-run estimates time here
train one: resnet-repro train {UNIT}; a suite: resnet-repro train quick
edit them: resnet-repro experiments --copy DIR; their steps and sources: --json"""


def print_experiments() -> None:
    """A table for each suite, and how to train what is in them."""
    overview = suites()
    for suite, found in groupby(experiments_json(), lambda experiment: str(experiment["suite"])):
        rows = [
            [
                experiment["name"],
                experiment["expect"].removeprefix("Expect ").removesuffix("."),
                f"{experiment['cost']:,.1f}",
            ]
            for experiment in found
        ]
        holds, takes = overview.get(suite, ("", "not known"))
        title = f"{suite or 'in no suite'}: {holds}. A run takes {takes}."
        print_table(textwrap.fill(title, WIDTH), COLUMNS, rows, prose="expect")
    print(NOTES)


def experiments_json() -> list[dict[str, Any]]:
    """An object for each experiment. Its `cost` is relative, its `multiply_adds` those of one image, forward."""
    objects: list[dict[str, Any]] = []
    for name, path in carried_specs().items():
        experiment = read_spec(path)
        what, expect = heading(path)
        objects.append(
            {
                "name": name,
                "suite": name.rpartition("/")[0],
                "what": what,
                "expect": expect,
                "steps": experiment.training.steps,
                "batch_size": experiment.training.batch_size,
                "multiply_adds": multiply_adds(experiment),
            }
        )
    [unit] = [_work(values) for values in objects if values["name"] == UNIT]
    return [{**values, "cost": _work(values) / unit} for values in objects]


def _work(values: dict[str, Any]) -> int:
    return int(values["steps"] * values["batch_size"] * values["multiply_adds"])
