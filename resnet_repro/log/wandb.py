"""Logs runs to Weights & Biases: a run there for each run here, grouped by net."""

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from resnet_repro.errors import RunError, reason_of
from resnet_repro.log.pictures import Picture
from resnet_repro.log.series import Point, config, identity, summary
from resnet_repro.log.tracker import load, make_place
from resnet_repro.record.run import FIGURES, Run

PROJECT = "resnet-repro"
FOLDER = "wandb"  # which W&B makes in the folder that it is given
# Nothing but what was recorded: nothing about this machine, this process, or the files around.
SETTINGS = {
    "silent": True, "console": "off", "save_code": False, "disable_git": True, "disable_job_creation": True,
    "symlink": False, "host": "", "x_disable_machine_info": True, "x_disable_stats": True, "x_disable_meta": True,
    "x_save_requirements": False,
}  # fmt: skip
REMEDY = "WANDB_MODE=offline needs no account"


class WandB:
    """The project that $WANDB_PROJECT names. A run that is there already is resumed, so nothing counts twice.

    W&B cannot take points back. If a run was resumed from an earlier step, the points that it had there stay.
    """

    one_point_a_step = True  # W&B takes no numbers for a step that it has

    def __init__(self, output: Path, results: Sequence[Path]) -> None:
        """W&B takes settings, such as its server, from `wandb/settings` in the working folder; not from `results`."""
        self.output = output
        self._wandb = load("wandb", "wandb", "wandb")
        inside = any(Path.cwd().is_relative_to(os.path.realpath(folder)) for folder in results)
        with TemporaryDirectory() if inside else nullcontext(".") as place, chdir(place), _explained():
            self._wandb.setup()
        self._open: dict[str, Any] = {}
        self._place = ""

    def begin(self, run: Run, label: str) -> None:
        self._finish(label)
        self._open[label] = self._start(identity(run), label, group=run.experiment.name, config=config(run))

    def add(self, label: str, points: Iterable[Point]) -> None:
        run = self._open[label]
        with _explained():
            for point in points:
                if point.step >= run.step:
                    run.log(point.values, step=point.step)

    def end(self, run: Run, label: str) -> None:
        with _explained():
            self._open[label].summary.update(summary(run))
        self._finish(label)

    def show(self, pictures: Sequence[Picture]) -> None:
        """Log the figures as a run of their own, which other figures do not change."""
        name = sha256(b"".join(picture.name.encode() + picture.content for picture in pictures)).hexdigest()[:16]
        run = self._open[FIGURES] = self._start(name, FIGURES, job_type=FIGURES)
        with _explained():
            if run.step == 0:
                images = {picture.name: self._wandb.Image(Image.open(BytesIO(picture.content))) for picture in pictures}
                run.log(images, step=0)
        self._finish(FIGURES)

    def close(self) -> None:
        for label in list(self._open):
            self._finish(label)

    def opened_by(self) -> str:
        return self._place

    def _start(self, name: str, label: str, **options: Any) -> Any:
        folder = self.output / FOLDER
        make_place(folder, self.output)
        with _explained():
            run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT") or PROJECT, dir=str(self.output), id=name, name=label,
                resume="allow", reinit="create_new", settings=self._wandb.Settings(**SETTINGS), **options,
            )  # fmt: skip
            ours = Path(run.dir).parent
            if run.settings.mode == "offline":
                command = f"wandb sync {shlex.quote(str(folder))}/offline-run-*"
                self._place = f"{folder}; upload them with: {command}"
            else:
                self._place = str(run.project_url or folder)
        for earlier in folder.glob(f"offline-run-*-{name}*"):
            if earlier.name != ours.name and not earlier.is_symlink():
                shutil.rmtree(earlier, ignore_errors=True)  # all that it holds is in the new one
        return run

    def _finish(self, label: str) -> None:
        if run := self._open.pop(label, None):
            with _explained():
                run.finish(exit_code=0)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an error of W&B into a RunError."""
    try:
        yield
    except (RunError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise RunError(f"--to wandb: {reason_of(error).rstrip('.')}; {REMEDY}") from None
