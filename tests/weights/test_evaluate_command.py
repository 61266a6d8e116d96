"""evaluate: the weights of a run give the numbers that it recorded, and other data is named."""

import shutil
from pathlib import Path

import pytest
import torch
from conftest import TINY, Cli
from finished_runs import edit_json, evaluated, finished, refused, write_cifar10
from safetensors.torch import load, save

from resnet_repro.data import CLASSES, DATASETS, cifar10
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("results"))


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, which a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))


def test_a_run_gives_the_numbers_that_it_recorded(cli: Cli, trained: Path) -> None:
    found, final = evaluated(cli, trained), read_run(trained).final
    assert final is not None
    assert (found["test_error_pct"], found["test_loss"]) == (final.test_error_pct, final.test_loss)
    assert (found["recorded_test_error_pct"], found["recorded_test_loss"]) == (final.test_error_pct, final.test_loss)
    assert (found["agrees"], found["same_data"], found["images"]) == (True, True, 40)
    assert found["net"] == "plain-8 (width 4)"


def test_class_errors_and_confusions_are_those_of_the_matrix(cli: Cli, trained: Path) -> None:
    found = evaluated(cli, trained)
    matrix = torch.tensor(found["confusion"])
    assert matrix.sum() == 40
    assert found["test_error_pct"] == 100 * (1 - int(matrix.trace()) / 40)
    errors = {name: 100 * int(row.sum() - row[k]) / int(row.sum())
              for k, (name, row) in enumerate(zip(CLASSES["synthetic"], matrix, strict=True))}  # fmt: skip
    assert found["class_error_pct"] == errors
    off = matrix - torch.diag(matrix.diag())
    worst = found["most_confused"][0]
    assert worst["images"] == int(off.max())
    row, column = (CLASSES["synthetic"].index(worst[key]) for key in ("true", "predicted"))
    assert off[row, column] == off.max()
    assert worst["share_pct"] == 100 * int(off.max()) / int(matrix[row].sum())


def test_a_run_tested_on_held_out_images_is_evaluated_on_them(cli: Cli, tmp_path: Path) -> None:
    found = evaluated(cli, finished(tmp_path, "data.validation_images=70"))
    assert found["images"] == 70
    assert found["agrees"] is True
    assert "70 held-out training images" in found["data"]["name"]


def test_the_printed_text_says_the_same(cli: Cli, trained: Path) -> None:
    shown = cli("evaluate", trained, "--device", "cpu").out
    for part in ("plain-8 (width 4)", "24 steps of 8 (short", "agrees with the recorded numbers", "NOT EXACT",
                 "the same data that the run was trained", "trefoil", "predicted class"):  # fmt: skip
        assert part in shown


def test_other_weights_than_the_final_ones_are_noticed(cli: Cli, run: Path) -> None:
    weights = load((run / "weights.safetensors").read_bytes())
    weights["head.bias"][3] += 1000
    (run / "weights.safetensors").write_bytes(save(weights))
    found = evaluated(cli, run)
    assert found["agrees"] is False
    assert "these are probably not the run's final weights" in found["verdict"]


def test_a_small_difference_is_explained_by_the_environment(cli: Cli, run: Path) -> None:
    lines = (run / "metrics.csv").read_text().splitlines()
    cells = lines[-1].split(",")
    cells[6] = str(float(cells[6]) + 0.01)  # the loss
    (run / "metrics.csv").write_text("\n".join([*lines[:-1], ",".join(cells), ""]))
    assert "though it was recorded in this environment" in evaluated(cli, run)["verdict"]
    edit_json(run / "environment.json", precision="bf16")
    assert "recorded with another precision (bf16)" in evaluated(cli, run)["verdict"]


def cifar_run(tmp_path: Path, trained: Path, digest: str) -> Path:
    """A finished run whose spec says CIFAR-10."""
    run = Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))
    spec = TINY.replace("dataset: synthetic", "").replace("train_images: 80", "").replace("test_images: 40", "")
    (run / "spec.yaml").write_text("name: tiny\n" + spec.replace("data:\n", "data: {}\n"))
    edit_json(run / "environment.json", data={"name": "CIFAR-10", "exact": True, "digest": digest})
    return run


def test_other_data_is_evaluated_and_named(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "IMAGES_A_FILE", 40)
    run = cifar_run(tmp_path, trained, "unknown unknown")
    data = write_cifar10(tmp_path / "data", 0, 1)
    found = evaluated(cli, run, "--data-dir", data)
    assert (found["images"], found["same_data"], found["agrees"]) == (40, False, None)
    assert (found["same_training_data"], found["data"]["exact"]) == (False, False)
    shown = cli("evaluate", run, "--data-dir", data, "--device", "cpu").out
    for part in ("not the true CIFAR-10", "NOT the data that the run was trained", "that of other training images",
                 "cannot be compared", "automobile"):  # fmt: skip
        assert part in shown
    run = cifar_run(tmp_path / "b", trained, found["data"]["digest"].split()[0] + " another")
    found = evaluated(cli, run, "--data-dir", data)
    assert (found["same_data"], found["same_training_data"]) == (False, True)


def test_missing_data_is_one_error_line(cli: Cli, trained: Path, tmp_path: Path) -> None:
    message = refused(cli, "evaluate", cifar_run(tmp_path, trained, "a b"), "--data-dir", tmp_path / "no")
    assert "no: there is no CIFAR-10 here" in message


def test_missing_weights_are_reported_with_the_command_that_trains_them(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "weights.safetensors").unlink()
    message = refused(cli, "evaluate", run)
    assert (
        "weights.safetensors: there is no such file, as weights are not committed; train the run again, beside"
        in message
    )
    command = message.split("'")[1].split()
    assert command[-2:] == ["--results", "again"]
    monkeypatch.chdir(tmp_path)
    assert cli(*command[1:], "--device", "cpu").code == 0
    assert evaluated(cli, tmp_path / "again/tiny/seed-0")["agrees"] is True
    assert not (run / "weights.safetensors").exists()


def test_a_missing_an_unfinished_and_a_diverged_run_are_refused(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert "nowhere: is not a run folder, as it holds no spec.yaml" in refused(cli, "evaluate", tmp_path / "nowhere")
    assert f"name one, such as {run}" in refused(cli, "evaluate", tmp_path / "results")
    edit_json(run / "summary.json", status="diverged")
    assert "the run diverged after 24 of 24 steps" in refused(cli, "evaluate", run)
    folder = RunFolder(tmp_path / "new", load_spec(run / "spec.yaml"))
    folder.begin({})
    message = refused(cli, "evaluate", folder.path)
    assert "has not finished (0 of 24 steps recorded)" in message
    assert f"--results {tmp_path / 'new'}'" in message


def test_the_figure_comes_with_a_caption_and_equal_bytes(cli: Cli, trained: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert cli("evaluate", trained, "--device", "cpu", "--output", tmp_path / folder).code == 0
    names = [f"confusion-tiny-seed-0.{ending}" for ending in ("png", "svg", "txt")]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    caption = (tmp_path / "a" / names[2]).read_text()
    for part in ("plain-8", "tiny/seed-0", "short: the paper's schedule", "not the true CIFAR-10", "synthetic shapes"):
        assert part in caption
    (tmp_path / "file").write_text("")
    outcome = cli("evaluate", trained, "--device", "cpu", "--output", tmp_path / "file")
    assert outcome.code == 1
    assert "file: File exists; choose another folder with --output" in outcome.err


def test_every_data_set_names_its_classes() -> None:
    assert CLASSES.keys() == DATASETS.keys()
    assert all(len(set(names)) == 10 for names in CLASSES.values())
