"""`log --to tensorboard`: what the event files hold, read back, and where they lie."""

import math
import shutil
import struct
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named
from logged_runs import begin, train

from resnet_repro.log.follow import Follower
from resnet_repro.log.tensorboard import TensorBoard
from resnet_repro.record.run import read_run

events_of = pytest.importorskip("tensorboardX.proto.event_pb2", reason="no tensorboardX; make setup installs it")
hparams_of = pytest.importorskip("tensorboardX.proto.plugin_hparams_pb2")
QUICK = REPOSITORY / "results/quick"
RUN = "quick/plain20/seed-0"


def events(folder: Path) -> Iterator[Any]:
    """The events of the one event file in a folder, in which no byte is left over."""
    [path] = folder.glob("*tfevents*")
    content, place = path.read_bytes(), 0
    while place < len(content):
        [size] = struct.unpack_from("<Q", content, place)
        yield events_of.Event.FromString(content[place + 12 : place + 12 + size])
        place += size + 16


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def others(folder: Path) -> dict[str, Any]:
    return {value.tag: value for event in events(folder) for value in event.summary.value
            if not value.HasField("simple_value")}  # fmt: skip


def state(folder: Path) -> dict[Path, object]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two seeds of a net with probes, and a figure."""
    folder = tmp_path / "results"
    for seed in (0, 1):
        shutil.copytree(REPOSITORY / f"results/tenth/resnet20/seed-{seed}", folder / f"resnet20/seed-{seed}")
    (folder / "figures").mkdir()
    [figure, *_] = sorted((QUICK / "figures").glob("*.png"))
    shutil.copy(figure, folder / "figures/curves.png")
    return folder


def test_every_number_of_a_run_is_in_tensorboard_once_and_the_run_is_untouched(results: Path, cli: Cli) -> None:
    before = state(results)
    for _ in range(2):  # the second time replaces the first one
        shown = cli("log", results, "--to", "tensorboard")
        place = results / "tensorboard"
        line = f"2 runs in {place}; open them with: tensorboard --logdir {place}\n"
        assert (shown.code, shown.out, shown.err) == (0, line, "")
    assert {path: state(results)[path] for path in before} == before
    run = read_run(results / "resnet20/seed-0")
    wanted: dict[str, list[tuple[int, float]]] = {}
    for row in run.rows:
        for name, value in asdict(row).items():
            if name != "step" and value is not None:
                wanted.setdefault(f"metrics/{name}", []).append((row.step, value))
    for probe in run.probes:
        wanted.setdefault(f"probe_{probe.probe}/{probe.layer}/{probe.name}", []).append((probe.step, probe.value))
    found = scalars(place / run.experiment.label)
    assert found.keys() == wanted.keys()
    assert len(found) > 9
    for name, points in wanted.items():
        assert [step for step, _ in found[name]] == [step for step, _ in points]
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in points], rel=1e-7)  # float32


def test_settings_and_figures_are_there_and_the_seeds_of_a_net_are_a_group(results: Path, cli: Cli) -> None:
    cli("log", results, "--to", "tensorboard")
    found = [others(results / f"tensorboard/tenth/resnet20/seed-{seed}") for seed in (0, 1)]
    plugins = [tags["_hparams_/session_start_info"].metadata.plugin_data for tags in found]
    starts = [hparams_of.HParamsPluginData.FromString(plugin.content).session_start_info for plugin in plugins]
    assert {start.group_name for start in starts} == {"tenth/resnet20"}
    assert starts[0].hparams == starts[1].hparams
    assert starts[0].hparams["model.depth"].number_value == 20
    assert starts[0].hparams["training.nesterov"].bool_value is False
    assert starts[0].hparams["environment.precision"].string_value == "bf16"
    assert starts[0].hparams["training.milestones"].string_value.startswith("[")
    texts = {tag.split("/")[0]: value.tensor.string_val[0].decode() for tag, value in found[0].items() if "text" in tag}
    assert '"shortcut": "identity"' in texts["spec"]
    assert '"device_name"' in texts["environment"]
    assert '"status": "finished"' in texts["summary"]
    [(tag, value)] = others(results / "tensorboard/figures").items()
    assert tag == "figures/curves"
    assert value.image.encoded_image_string == (results / "figures/curves.png").read_bytes()


def test_values_that_are_not_finite_are_shown_as_such(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    train(folder, [1])
    text = (folder.path / "metrics.csv").read_text()
    (folder.path / "metrics.csv").write_text(text.replace(",2.5,", ",nan,"))
    Follower([tmp_path], TensorBoard(tmp_path / "tb", tmp_path), print, following=True).look()
    [(_, loss)] = scalars(tmp_path / "tb/suite/net/seed-3")["metrics/train_loss"]
    assert math.isnan(loss)


def test_nothing_is_written_into_a_run_or_through_a_link(results: Path, tmp_path: Path, cli: Cli) -> None:
    run = results / "resnet20/seed-0"
    before = state(run)
    refused = cli("log", results, "--to", "tensorboard", "--output", run / "tb")
    assert_mistake_named(refused, 1, "lies in the folder of a run, where nothing is logged; choose another --output")
    shown = cli("log", run, "--to", "tensorboard")  # named by itself: its files go where those of its folder go
    assert shown.out.startswith(f"1 run in {results / 'resnet20/tensorboard'}; ")
    assert state(run) == before
    (tmp_path / "elsewhere").mkdir()
    (results / "tensorboard").symlink_to(tmp_path / "elsewhere")
    assert cli("log", results, "--to", "tensorboard", "--output", tmp_path / "own").code == 0
    (tmp_path / "own2/tenth").mkdir(parents=True)
    (tmp_path / "own2/tenth/resnet20").symlink_to(tmp_path / "elsewhere")
    refused = cli("log", results, "--to", "tensorboard", "--output", tmp_path / "own2")
    assert_mistake_named(refused, 1, "a link leads out of")
    refused = cli("log", results, "--to", "tensorboard")
    assert_mistake_named(refused, 1, "a link leads out of")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_files_of_other_programs_stay_and_a_deleted_one_of_ours_ends_in_one_line(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    train(folder, [1])
    theirs = tmp_path / "tb/suite/net/seed-3/events.out.tfevents.1.theirs"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    follower = Follower([tmp_path], TensorBoard(tmp_path / "tb", tmp_path), print, following=True)
    follower.look()
    assert theirs.read_text() == "theirs"
    [ours] = theirs.parent.glob("*.resnet-repro")
    ours.unlink()
    train(folder, [2])
    with pytest.raises(Exception, match="has been deleted, perhaps by another `log`"):
        follower.look()
    assert not ours.exists()
