"""Writes the run folder, `results/<name>/seed-<k>/`, and never half a file: each gets a temporary name first."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from resnet_repro.errors import RunError
from resnet_repro.files import check_within, delete, explained, make_folder, remove_incomplete, to_json, write_text
from resnet_repro.record.documents import Status as Status
from resnet_repro.record.documents import parse_environment, read_summary, readable_environment
from resnet_repro.record.imported import OR_TRAIN, check_same, discard_copies, recorded_files, write_copies
from resnet_repro.record.lease import Lease
from resnet_repro.record.provenance import changes, resumed
from resnet_repro.record.row_file import RowFile
from resnet_repro.record.rows import ProbeRow, Row, parse_rows
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
)  # fmt: skip
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import differences, dump_spec, read_spec
from resnet_repro.spec.own import used_files
from resnet_repro.spec.variation import place_for

FolderStatus = Literal["new", "unfinished", "finished", "diverged"]

log = logging.getLogger(__name__)


class RunFolder:
    """The folder of a run in training."""

    def __init__(self, results: Path, experiment: Experiment) -> None:
        self.path = results / experiment.label
        check_within(self.path, results)
        self.experiment = experiment
        self.imported = used_files(experiment)
        self.environment: dict[str, Any] = {}
        self.metrics = RowFile(self.path / METRICS, Row)
        self.probes = RowFile(self.path / PROBES, ProbeRow)
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

    def status(self, restart: bool = False) -> FolderStatus:
        """How far the run here is; "new" if `restart`. Raises RunError if it has another spec, or own file."""
        if restart or not (self.path / SPEC).exists():
            return "new"
        theirs = read_spec(self.path / SPEC, reading=True)
        if differing := differences(self.experiment, theirs):
            raise RunError(
                f"{self.path / SPEC}: holds a run of another spec ({'; '.join(differing)}); "
                f"give yours another name with {place_for(self.experiment, theirs)}, choose another --results, or "
                "discard that run with --restart"
            )
        check_same(self.path, readable_environment(self.path / ENVIRONMENT), self.imported, OR_TRAIN)
        status: FolderStatus = read_summary(self.path / SUMMARY).get("status", "unfinished")
        if status not in ("finished", "diverged"):
            return "unfinished"
        read_run(self.path)  # all of it can be read
        return status

    def steps_done(self) -> int:
        """The iteration from which training would resume, estimated without opening a checkpoint."""
        if self.has_checkpoint:
            with suppress(RunError):  # a damaged text file, which the checkpoint restores
                run = read_run(self.path)
                return int(run.summary.get("steps", run.final.step if run.final else 0))
        return 0

    def begin(self, environment: dict[str, Any], recorded: dict[str, bytes] | None = None) -> None:
        """Start the run, or resume it: then the text files are restored to what the checkpoint `recorded`.

        Warns if the environment changed in a way that can change results. Raises RunError if `recorded` is damaged.
        """
        self.environment = environment | recorded_files(self.imported)
        if recorded is not None:
            self._restore(recorded)
        elif (self.path / METRICS).exists():
            log.warning("%s: there is no checkpoint yet; starts from the beginning", self.experiment.label)
        make_folder(self.path)
        remove_incomplete(self.path)
        with explained(self.path):
            delete(self.path / SUMMARY)
        write_text(self.path / SPEC, dump_spec(self.experiment))
        write_copies(self.path, self.imported)
        write_text(self.path / ENVIRONMENT, to_json(self.environment))
        self._write_rows()

    def _write_rows(self) -> None:
        self.metrics.write()
        if self.experiment.probes.measure:
            self.probes.write()

    def _restore(self, recorded: dict[str, bytes]) -> None:
        try:
            steps = self.experiment.training.steps
            earlier = parse_environment(recorded[ENVIRONMENT])
            changed = changes(earlier, self.environment)
            self.environment = resumed(earlier, self.environment)
            self.metrics = RowFile(self.metrics.path, Row, parse_rows(recorded[METRICS], self.checkpoint, Row, steps))
            self.probes = RowFile(
                self.probes.path, ProbeRow, parse_rows(recorded[PROBES], self.checkpoint, ProbeRow, steps)
            )
        except (RunError, AttributeError, KeyError, TypeError, ValueError):
            raise RunError(f"{self.checkpoint}: is not a resnet-repro checkpoint; delete it or use --restart") from None
        if changed:
            log.warning(
                "%s: resumes in another environment than it started in (%s), so its last digits may differ from those "
                "of an uninterrupted run; environment.json records this",
                self.experiment.label,
                "; ".join(changed),
            )

    def recorded(self) -> dict[str, bytes]:
        """Everything that `begin` needs to resume from here: the contents of text files, by their names."""
        return {
            ENVIRONMENT: to_json(self.environment).encode(),
            METRICS: bytes(self.metrics.text),
            PROBES: bytes(self.probes.text),
        }

    def append(self, row: Row) -> None:
        self.check_held()
        self.metrics.append([row])

    def append_probes(self, rows: Iterable[ProbeRow]) -> None:
        """Append rows with values rounded to six digits, which is precise enough and halves the file."""
        self.check_held()
        self.probes.append(replace(row, value=float(f"{row.value:.6g}")) for row in rows)

    def forget_probes_after(self, step: int) -> None:
        """Delete probe rows after `step`, the last one with a finite loss."""
        if self.probes.rows:
            self.probes = RowFile(self.probes.path, ProbeRow, [row for row in self.probes.rows if row.step <= step])
            self.probes.write()

    def close(
        self,
        status: Status,
        steps: int,
        parameters: int,
        data: dict[str, Any],
        total_seconds: float,
        last_epoch: dict[str, float] | None = None,
    ) -> None:
        """Write the rows as a whole, then `summary.json`, the last file of a run.

        `steps` counts the steps done, up to the one that diverged. `last_epoch` has the training loss and error over
        the last whole epoch of a finished run.
        """
        self._write_rows()
        write_text(
            self.path / SUMMARY,
            to_json({
                "status": status,
                "steps": steps,
                "final": asdict(self.metrics.rows[-1]) if self.metrics.rows else None,
                **({"last_epoch": last_epoch} if last_epoch else {}),
                "parameters": parameters,
                "data": data,
                "total_seconds": total_seconds,
            }),
        )  # fmt: skip

    def discard(self) -> None:
        """Delete the files of the run, but no other files in its folder."""
        with explained(self.path):
            for name in (SUMMARY, CHECKPOINT, PREVIOUS_CHECKPOINT, WEIGHTS, METRICS, PROBES, ENVIRONMENT, SPEC):
                delete(self.path / name)
            discard_copies(self.path)
            with suppress(PermissionError):  # Windows keeps the log that this process has open; it goes on there
                self.log.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training this run. Raises RunError if one already does."""
        make_folder(self.path)
        with explained(self.path):
            self._lease = Lease(self.path / HOLDER)
        try:
            yield
        finally:
            self._lease.release()
            self._lease = None

    def check_held(self) -> None:
        """Called before each write. Raises RunError if another process has taken the run over."""
        if self._lease:
            self._lease.check()
