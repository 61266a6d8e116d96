"""Writes event files, which TensorBoard shows: a folder of the output for each run, `<name>/seed-<k>`."""

import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from resnet_repro.errors import RunError
from resnet_repro.files import delete, explained, open_to_append, to_json
from resnet_repro.log.pictures import Picture
from resnet_repro.log.series import Point, config, flat_config, summary
from resnet_repro.log.tracker import ELSEWHERE, load, make_place
from resnet_repro.record.run import FIGURES, METRICS, Run

OURS = ".resnet-repro"  # ends the names of our event files; no others are deleted
MANY = 1000  # points that are written at once
STATES = {"finished": "STATUS_SUCCESS", "diverged": "STATUS_FAILURE"}


class TensorBoard:
    """The event files below a folder. What an earlier command wrote of a run is replaced, so nothing counts twice."""

    one_point_a_step = False

    def __init__(self, output: Path, within: Path) -> None:
        """No link may lead out of the folder `within`, which holds `output`, or is it."""
        self.output, self.within = output, within
        self._load = lambda module: load(f"tensorboardX.{module}", "tensorboardX", "tensorboard")
        self._summaries = self._load("summary")
        self._files: dict[str, Path] = {}
        self._starts: dict[str, float] = {}

    def begin(self, run: Run, label: str) -> None:
        """Write the settings as texts, and for the HParams tab, where the seeds of a net are a group."""
        with explained(run.path / METRICS):
            self._starts[label] = os.stat(run.path / METRICS).st_mtime - run.rows[-1].elapsed_seconds
        self._replace(label)
        texts = {"spec": config(run), "environment": config(run).pop("environment")}
        texts["spec"].pop("environment")
        shown = [self._summaries.text(name, _code(to_json(value))) for name, value in texts.items()]
        proto = self._load("proto.plugin_hparams_pb2")
        started = proto.SessionStartInfo(group_name=run.experiment.name, start_time_secs=self._starts[label])
        for name, value in flat_config(run).items():
            kind = "string" if isinstance(value, str) else "bool" if isinstance(value, bool) else "number"
            setattr(started.hparams[name], f"{kind}_value", value)
        self._write(label, [(0, 0.0, part) for part in (*shown, self._hparams("session_start_info", started))])

    def add(self, label: str, points: Iterable[Point]) -> None:
        kind, events = self._summaries.Summary, []
        for point in points:
            values = [kind.Value(tag=name, simple_value=value) for name, value in point.values.items()]
            events.append((point.step, point.seconds, kind(value=values)))
            if len(events) == MANY:
                self._write(label, events)
                events = []
        self._write(label, events)

    def end(self, run: Run, label: str) -> None:
        last = run.rows[-1]
        states = self._load("proto.api_pb2").Status
        proto = self._load("proto.plugin_hparams_pb2")
        state = states.Value(STATES.get(run.status, "STATUS_UNKNOWN"))
        ended = proto.SessionEndInfo(status=state, end_time_secs=self._starts[label] + last.elapsed_seconds)
        shown = self._summaries.text("summary", _code(to_json(summary(run))))
        parts = (shown, self._hparams("session_end_info", ended))
        self._write(label, [(last.step, last.elapsed_seconds, part) for part in parts])

    def show(self, pictures: Sequence[Picture]) -> None:
        self._starts[FIGURES] = time.time()
        self._replace(FIGURES)
        kind = self._summaries.Summary
        for picture in pictures:
            width, height = picture.size
            image = kind.Image(height=height, width=width, colorspace=3, encoded_image_string=picture.content)
            self._write(FIGURES, [(0, 0.0, kind(value=[kind.Value(tag=picture.name, image=image)]))])

    def close(self) -> None:
        """Nothing is open between two writes."""

    def opened_by(self) -> str:
        return f"{self.output}; open them with: tensorboard --logdir {shlex.quote(str(self.output))}"

    def _hparams(self, field: str, value: Any) -> Any:
        content = self._load("proto.plugin_hparams_pb2").HParamsPluginData(version=0, **{field: value})
        proto = self._summaries.SummaryMetadata
        plugin = proto.PluginData(plugin_name="hparams", content=content.SerializeToString())
        kind = self._summaries.Summary
        return kind(value=[kind.Value(tag=f"_hparams_/{field}", metadata=proto(plugin_data=plugin))])

    def _replace(self, label: str) -> None:
        """Begin a new event file. TensorBoard reads files in the order of their names, and goes on with this one."""
        folder = self.output / label
        make_place(folder, self.within)
        earlier = [path for path in folder.iterdir() if path.name.endswith(OURS)]
        path = folder / f"events.out.tfevents.{time.time_ns() / 1e9:020.9f}{OURS}"
        self._files[label] = path
        with explained(path, ELSEWHERE):
            open_to_append(path, ELSEWHERE).close()
            version = self._load("proto.event_pb2").Event(wall_time=self._starts[label], file_version="brain.Event:2")
            self._append(path, [version])
            for old in earlier:
                delete(old)

    def _write(self, label: str, events: Iterable[tuple[int, float, Any]]) -> None:
        """Append summaries with their steps and seconds."""
        event, start = self._load("proto.event_pb2").Event, self._starts[label]
        path = self._files[label]
        if not path.exists():
            raise RunError(f"{path}: has been deleted, perhaps by another `log`; the same command writes it anew")
        self._append(path, [event(step=step, wall_time=start + seconds, summary=value)
                            for step, seconds, value in events])  # fmt: skip

    def _append(self, path: Path, events: Iterable[Any]) -> None:
        written = bytearray()
        records = self._load("record_writer")
        for event in events:
            content = event.SerializeToString()
            size = len(content).to_bytes(8, "little")
            for part in (size, content):
                written += part + records.masked_crc32c(part).to_bytes(4, "little")
        with explained(path, ELSEWHERE), open_to_append(path, ELSEWHERE) as file:
            while written:
                written = written[file.write(written) :]


def _code(text: str) -> str:
    """Text as a block of code of Markdown, whatever it holds."""
    return "".join(f"    {line}\n" for line in text.splitlines())
