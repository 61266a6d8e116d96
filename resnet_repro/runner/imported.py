"""Runs the user's own Python files, given with `--import`, which add rows to the package's tables.

Nothing else starts such a file: no spec, no run folder, and no command that reads results.
"""

import ast
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from resnet_repro.data import CLASSES, DATASETS
from resnet_repro.errors import RunError, summary_of
from resnet_repro.files import read_bytes
from resnet_repro.models.build import SHORTCUTS
from resnet_repro.models.initialization import CLASSIFIER_INITIALIZATIONS, INITIALIZATIONS
from resnet_repro.models.layers import ACTIVATIONS
from resnet_repro.models.units import BLOCKS, UNITS
from resnet_repro.nearest import did_you_mean, listed, nearest_paths
from resnet_repro.probes import GRADIENT_NORM, PROBES, WEIGHT_SCALE
from resnet_repro.spec.model import CLASSES as OUTPUTS
from resnet_repro.spec.model import LAYERS_OF_BLOCK
from resnet_repro.spec.own import ADDED, LARGEST, NAME, OwnFile


class Table(NamedTuple):
    """A table that files of the user may add to, and what the package does with a row."""

    name: str
    rows: dict[str, Any]
    use: str


TABLES = {
    "model.shortcut": Table(
        "SHORTCUTS",
        SHORTCUTS,
        "is called with (model, h, gate) and gives a Shortcut, whose forward(x, residual) returns the pair h(x), F(x)",
    ),
    "model.unit": Table("UNITS", UNITS, 'is like UnitOrder(layer="conv bn act", last="conv bn", after="act")'),
    "model.block": Table("BLOCKS", BLOCKS, "is like Block(kernels=(3, 3), expansion=1)"),
    "model.activation": Table("ACTIVATIONS", ACTIVATIONS, "is called without arguments and gives a module"),
    "model.initialization": Table(
        "INITIALIZATIONS", INITIALIZATIONS, "is called with (fan_in, fan_out, model) and gives a standard deviation"
    ),
    "model.classifier_initialization": Table(
        "CLASSIFIER_INITIALIZATIONS",
        CLASSIFIER_INITIALIZATIONS,
        "is called with (fan_in, model) and gives a standard deviation",
    ),
    "data.dataset": Table(
        "DATASETS", DATASETS, "is called with (data_dir, train_images, test_images) and gives a Dataset"
    ),
    "probes.measure": Table("PROBES", PROBES, "is called with (net, probes) and gives a list of Points"),
}
TAKEN = {GRADIENT_NORM, WEIGHT_SCALE}  # names of probes that have no row

_files: list[OwnFile] = []  # that this process has run
_running = threading.RLock()


def import_file(path: str | Path) -> OwnFile:
    """Run a Python file of the user, so that specs may hold the names which it adds to the tables.

    A file is run once; if it has changed since, what it added is forgotten and it is run again. Raises RunError.
    """
    path = Path(path)
    if not path.is_file():
        similar = nearest_paths(path, lambda other: Path(other).suffix == ".py" and os.path.isfile(other))
        what = "is a folder, not a Python file" if path.is_dir() else "there is no such file"
        raise RunError(f"--import {path}: {what}{did_you_mean(similar)}")
    if path.suffix != ".py":
        raise RunError(f"--import {path}: should be a Python file, whose name ends with .py")
    file = OwnFile(path, read_bytes(path, LARGEST))
    _run_file(file)
    return file


def run_files(files: Iterable[OwnFile]) -> None:
    """The same with files that another process of the command has read. Raises RunError."""
    for file in files:
        _run_file(file)


def _run_file(file: OwnFile) -> None:
    with _running:
        if any(other.digest == file.digest for other in _files):
            return
        for other in [*_files]:
            if other.path.resolve() == file.path.resolve():
                forget(other)
            elif other.name == file.name:
                raise RunError(f"--import {file.path}: {other.path} has the same name; rename one of them")
        before = {field: dict(table.rows) for field, table in TABLES.items()}
        classes = dict(CLASSES)
        try:
            _execute(file)
            added = _added(file, before)
        except BaseException:
            for field, table in TABLES.items():
                _restore(table.rows, before[field])
            _restore(CLASSES, classes)
            raise
        for field, names in added.items():
            ADDED.setdefault(field, {}).update(dict.fromkeys(names, file))
        LAYERS_OF_BLOCK.update({name: len(BLOCKS[name].kernels) for name in added.get("model.block", ())})
        _files.append(file)


def forget(file: OwnFile) -> None:
    """Remove what a file has added."""
    for field, names in ADDED.items():
        for name in [name for name, of in names.items() if of == file]:
            del names[name]
            for rows in (TABLES[field].rows, *[CLASSES] * (field == "data.dataset")):
                rows.pop(name, None)
            if field == "model.block":
                LAYERS_OF_BLOCK.pop(name, None)
    _files.remove(file)


def forget_all() -> None:
    """Remove what all files have added, as the end of the process does."""
    for file in [*_files]:
        forget(file)


def _restore(rows: dict[str, Any], before: dict[str, Any]) -> None:
    rows.clear()
    rows.update(before)


def _execute(file: OwnFile) -> None:
    """Run the file as a module; what it prints goes to stderr, as stdout is for results."""
    module = ModuleType(f"imported_{file.path.stem}")
    module.__file__ = str(file.path)
    try:
        code = compile(file.content, str(file.path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise RunError(f"{file.path}:{error.lineno or 1}: is not Python: {error.msg}") from None
    except ValueError as error:
        raise RunError(f"{file.path}: is not Python: {error}") from None
    sys.modules[module.__name__] = module  # where dataclasses and pickle look
    try:
        with redirect_stdout(sys.stderr):
            exec(code, module.__dict__)  # noqa: S102  # it is what the user asks for
    except (Exception, SystemExit) as error:
        place = place_of(error, [file])
        raise RunError(f"{place}: {summary_of(error)}; 'python3 {file.path}' shows the whole traceback") from None


def _added(file: OwnFile, before: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The names that a file has added to each table. Raises RunError if it changed other rows, or added none."""
    added = {}
    for field, table in TABLES.items():
        earlier = before[field]
        changed = [name for name, row in earlier.items() if table.rows.get(name, TAKEN) is not row]
        added[field] = [name for name in table.rows if name not in earlier]
        if field == "probes.measure":
            changed += TAKEN & set(added[field])
        if changed:
            owner = ADDED.get(field, {}).get(changed[0])
            whose = f"that of {owner.path}" if owner else "the package's own"
            raise RunError(
                f"{_line(file, changed[0])}: {table.name}[{changed[0]!r}] is {whose}, and stays; take another name"
            )
        for name in added[field]:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise RunError(
                    f"{_line(file, name)}: {table.name}[{name!r}]: a name should be letters, digits and _, at most 60"
                )
    for name in added["data.dataset"]:
        if len(CLASSES.get(name, ())) != OUTPUTS:
            raise RunError(
                f"{_line(file, name)}: DATASETS[{name!r}] needs the names of its {OUTPUTS} classes in "
                f"CLASSES[{name!r}], a table of resnet_repro.data"
            )
    if not any(added.values()):
        tables = listed([table.name for table in TABLES.values()], "or")
        raise RunError(f"{file.path}: adds no row to {tables}; docs/own-ideas.md shows how")
    return {field: names for field, names in added.items() if names}


def _line(file: OwnFile, name: object) -> str:
    """The path of a file, with the line in which a name stands first, if it is written out."""
    found = (node.lineno for node in ast.walk(ast.parse(file.content))
             if isinstance(node, ast.Constant) and node.value == name)  # fmt: skip
    line = min(found, default=None)
    return f"{file.path}:{line}" if line else str(file.path)


def place_of(error: BaseException, files: Sequence[OwnFile]) -> str:
    """The file and the line of the user's that an error passed through last; else the first file."""
    paths = {str(file.path) for file in files}
    place, frame = str(files[0].path), error.__traceback__
    while frame:
        if (path := frame.tb_frame.f_code.co_filename) in paths:
            place = f"{path}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place
