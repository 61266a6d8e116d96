"""The run folder, `results/<name>/seed-<k>/`: every file name and column lives here.

Every file is written beside its place, flushed and renamed, so what is there is always whole.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any, Literal

from resnet_repro.errors import RunError
from resnet_repro.files import explained, to_json, write_text
from resnet_repro.record.documents import Status as Status
from resnet_repro.record.lease import Lease
from resnet_repro.record.provenance import changes
from resnet_repro.record.rows import ProbeRow, Row, write_rows
from resnet_repro.record.run import (
    CHECKPOINT,
    ENVIRONMENT,
    HOLDER,
    LOG,
    METRICS,
    PREVIOUS_CHECKPOINT,
    PROBES,
    SPEC,
    SUMMARY,
    WEIGHTS,
    read_run,
)
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import differences, dump_spec, load_spec

State = Literal["new", "unfinished", "finished", "diverged"]

log = logging.getLogger(__name__)


class RunFolder:
    """One run on disk, while it is being made."""

    def __init__(self, results: Path, experiment: Experiment) -> None:
        self.path = results / experiment.label
        if not Path(os.path.realpath(self.path)).is_relative_to(os.path.realpath(results)):
            raise RunError(f"{self.path}: a link leads out of {results}; give the run another name, or remove the link")
        self.experiment = experiment
        self.environment: dict[str, Any] = {}
        self.rows: list[Row] = []
        self.probe_rows: list[ProbeRow] = []
        self._lease: Lease | None = None

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def previous_checkpoint(self) -> Path:
        return self.path / PREVIOUS_CHECKPOINT

    @property
    def has_checkpoint(self) -> bool:
        return self.checkpoint.exists() or self.previous_checkpoint.exists()

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    @property
    def log(self) -> Path:
        return self.path / LOG

    def state(self, restart: bool = False) -> State:
        """What is there already, or "new" after a restart. Raises RunError if it is the run of another spec."""
        if restart or not (self.path / SPEC).exists():
            return "new"
        theirs = load_spec(self.path / SPEC)
        if differing := differences(self.experiment, theirs):
            raise RunError(
                f"{self.path / SPEC}: holds a run of another spec ({'; '.join(differing)}); "
                "give yours another name, choose another --results, or discard that run with --restart"
            )
        if (self.path / SUMMARY).exists():
            status: State = read_run(self.path).summary["status"]
            return status if status in ("finished", "diverged") else "unfinished"
        return "unfinished"

    def steps_done(self) -> int:
        """Iterations that training would go on from, as far as that can be told without opening a checkpoint."""
        if self.has_checkpoint:
            with suppress(RunError):  # of damaged text, which a checkpoint restores
                run = read_run(self.path)
                return int(run.summary.get("steps", run.final.step if run.final else 0))
        return 0

    def begin(self, environment: dict[str, Any], recorded: dict[str, Any] | None = None) -> None:
        """Begin anew, or go on from what was `recorded` by a checkpoint: the text files are written as they were then.

        An environment that differs from that of the beginning in what may change numbers is said.
        """
        self.environment = environment
        if recorded is not None:
            self._restore(recorded)
        elif (self.path / METRICS).exists():
            log.warning("%s: there is no checkpoint yet; starts from its beginning", self.experiment.label)
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / SUMMARY).unlink(missing_ok=True)
        write_text(self.path / SPEC, dump_spec(self.experiment))
        write_text(self.path / ENVIRONMENT, to_json(self.environment))
        write_rows(self.path / METRICS, Row, self.rows)
        if self.experiment.probes.measure:
            write_rows(self.path / PROBES, ProbeRow, self.probe_rows)

    def _restore(self, recorded: dict[str, Any]) -> None:
        try:
            earlier = recorded["environment"]
            changed = changes(earlier, self.environment)
            self.environment = resumed(earlier, self.environment)
            self.rows = [Row(*values) for values in recorded["metrics"]]
            self.probe_rows = [ProbeRow(*values) for values in recorded["probes"]]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RunError(f"{self.checkpoint}: is none of this program's; delete it, or use --restart") from None
        if changed:
            log.warning(
                "%s: goes on in another environment than it began in (%s), so its last digits may differ from those "
                "of an uninterrupted run; environment.json says so",
                self.experiment.label,
                "; ".join(changed),
            )

    def recorded(self) -> dict[str, Any]:
        """All that `begin` needs to go on from here, as plain values."""
        return {
            "environment": self.environment,
            "metrics": [astuple(row) for row in self.rows],
            "probes": [astuple(row) for row in self.probe_rows],
        }

    def append(self, row: Row) -> None:
        self.check_held()
        self.rows.append(row)
        write_rows(self.path / METRICS, Row, self.rows)

    def append_probes(self, rows: Iterable[ProbeRow]) -> None:
        """Values are kept to six digits, which is more than they mean and half the size."""
        self.check_held()
        self.probe_rows += (replace(row, value=float(f"{row.value:.6g}")) for row in rows)
        write_rows(self.path / PROBES, ProbeRow, self.probe_rows)

    def forget_probes_after(self, step: int) -> None:
        """Drop what was measured after the last step whose loss was finite."""
        if self.probe_rows:
            self.probe_rows = [row for row in self.probe_rows if row.step <= step]
            write_rows(self.path / PROBES, ProbeRow, self.probe_rows)

    def close(self, status: Status, steps: int, parameters: int, data: dict[str, Any], total_seconds: float) -> None:
        """Write `summary.json`, the last file of a run. `steps` are those done, or the one that diverged."""
        write_text(
            self.path / SUMMARY,
            to_json({
                "status": status,
                "steps": steps,
                "final": asdict(self.rows[-1]) if self.rows else None,
                "parameters": parameters,
                "data": data,
                "total_seconds": total_seconds,
            }),
        )  # fmt: skip

    def discard(self) -> None:
        """Delete the files of the run, and nothing else that may lie in its folder."""
        with explained(self.path):
            for name in (
                SUMMARY, CHECKPOINT, PREVIOUS_CHECKPOINT, WEIGHTS, METRICS, PROBES, LOG, ENVIRONMENT, SPEC,
            ):  # fmt: skip
                (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes off this run. Raises RunError, naming the one that trains it."""
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lease = Lease(self.path / HOLDER)
        try:
            yield
        finally:
            self._lease.release()
            self._lease = None

    def check_held(self) -> None:
        """Before anything is written. Raises RunError if another process has taken this one for dead."""
        if self._lease:
            self._lease.check()


def resumed(earlier: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    """The environment that a run began in, and under "resumed" what differed each time it went on."""
    began = {key: value for key, value in earlier.items() if key != "resumed"}
    differing = {key: value for key, value in environment.items() if began.get(key) != value}
    return {**began, "resumed": [*earlier.get("resumed", []), differing]}
