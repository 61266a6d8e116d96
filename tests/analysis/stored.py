"""Writes made-up runs into run folders."""

from pathlib import Path

from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import Run


def store(results: Path, run: Run, name: str, **environment: str) -> Path:
    experiment = run.experiment.model_copy(update={"name": name})
    folder = RunFolder(results, experiment)
    folder.begin({**run.environment, **environment})
    for row in run.rows:
        folder.append(row)
    if run.status != "unfinished":
        folder.close(run.status, run.rows[-1].step, 1, run.data, 1.0, run.summary.get("last_epoch"))  # type: ignore[arg-type]
    return folder.path
