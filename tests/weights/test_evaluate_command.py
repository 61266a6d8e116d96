"""evaluate: a run's own numbers come back from its weights, other data is named, hostile weights are one line."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY, Cli
from finished_runs import finished, write_cifar10
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
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))


def evaluated(cli: Cli, *arguments: object) -> dict[str, object]:
    outcome = cli("evaluate", *arguments, "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.err
    return dict(json.loads(outcome.out))


def refused(cli: Cli, *arguments: object) -> str:
    outcome = cli("evaluate", *arguments, "--device", "cpu")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


def test_a_run_comes_to_the_numbers_that_it_recorded(cli: Cli, trained: Path) -> None:
    found, final = evaluated(cli, trained), read_run(trained).final
    assert final is not None
    assert (found["test_error_pct"], found["test_loss"]) == (final.test_error_pct, final.test_loss)
    assert (found["recorded_test_error_pct"], found["recorded_test_loss"]) == (final.test_error_pct, final.test_loss)
    assert (found["agrees"], found["same_data"], found["images"]) == (True, True, 100)
    assert found["net"] == "plain-8 (width 4)"


def test_class_errors_and_confusions_are_those_of_the_matrix(cli: Cli, trained: Path) -> None:
    found = evaluated(cli, trained)
    matrix = torch.tensor(found["confusion"])
    assert matrix.sum() == 100
    assert found["test_error_pct"] == 100 - int(matrix.trace())
    errors = {name: 100 * int(row.sum() - row[k]) / int(row.sum())
              for k, (name, row) in enumerate(zip(CLASSES["synthetic"], matrix, strict=True))}  # fmt: skip
    assert found["class_error_pct"] == errors
    off = matrix - torch.diag(matrix.diag())
    worst = found["most_confused"][0]  # type: ignore[index]
    assert worst["images"] == int(off.max())
    row, column = (CLASSES["synthetic"].index(worst[key]) for key in ("true", "predicted"))
    assert off[row, column] == off.max()
    assert worst["share_pct"] == 100 * int(off.max()) / int(matrix[row].sum())


def test_held_out_images_are_measured_where_the_run_was_tested_on_them(cli: Cli, tmp_path: Path) -> None:
    found = evaluated(cli, finished(tmp_path, "data.validation_images=70"))
    assert found["images"] == 70
    assert found["agrees"] is True
    assert "70 held-out training images" in found["data"]["name"]  # type: ignore[index]


def test_people_are_told_the_same(cli: Cli, trained: Path) -> None:
    shown = cli("evaluate", trained, "--device", "cpu").out
    for part in ("plain-8 (width 4)", "24 steps of 32 (short", "agrees with the recorded numbers", "NOT EXACT",
                 "the same data that the run was trained", "trefoil", "predicted class"):  # fmt: skip
        assert part in shown


def test_weights_that_the_run_did_not_end_with_are_told(cli: Cli, run: Path) -> None:
    weights = load((run / "weights.safetensors").read_bytes())
    weights["head.bias"][3] += 1000
    (run / "weights.safetensors").write_bytes(save(weights))
    found = evaluated(cli, run)
    assert found["agrees"] is False
    assert "the weights are hardly those" in str(found["verdict"])


def test_a_small_difference_is_laid_to_what_differs_in_the_environment(cli: Cli, run: Path) -> None:
    lines = (run / "metrics.csv").read_text().splitlines()
    cells = lines[-1].split(",")
    cells[6] = str(float(cells[6]) + 0.01)  # the loss
    (run / "metrics.csv").write_text("\n".join([*lines[:-1], ",".join(cells), ""]))
    assert "though it was recorded in this environment" in str(evaluated(cli, run)["verdict"])
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "precision": "bf16"}))
    assert "recorded with another precision (bf16)" in str(evaluated(cli, run)["verdict"])


def cifar_run(tmp_path: Path, trained: Path, digest: str) -> Path:
    """A finished run whose spec says CIFAR-10."""
    run = Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))
    spec = TINY.replace("dataset: synthetic", "").replace("train_images: 320", "").replace("test_images: 100", "")
    (run / "spec.yaml").write_text("name: tiny\n" + spec.replace("data:\n", "data: {}\n"))
    environment = json.loads((run / "environment.json").read_text())
    environment["data"]["digest"] = digest
    (run / "environment.json").write_text(json.dumps(environment))
    return run


def test_another_data_folder_is_measured_and_named(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "IMAGES_A_FILE", 40)
    run = cifar_run(tmp_path, trained, "unknown unknown")
    data = write_cifar10(tmp_path / "data", 0, 1)
    found = evaluated(cli, run, "--data-dir", data)
    assert (found["images"], found["same_data"], found["agrees"]) == (40, False, None)
    assert (found["same_training_data"], found["data"]["exact"]) == (False, False)  # type: ignore[index]
    shown = cli("evaluate", run, "--data-dir", data, "--device", "cpu").out
    for part in ("not the true CIFAR-10", "NOT the data that the run was trained", "the mean of other training images",
                 "not to be compared", "automobile"):  # fmt: skip
        assert part in shown
    run = cifar_run(tmp_path / "b", trained, found["data"]["digest"].split()[0] + " another")  # type: ignore[index]
    found = evaluated(cli, run, "--data-dir", data)
    assert (found["same_data"], found["same_training_data"]) == (False, True)


def test_missing_data_is_told(cli: Cli, trained: Path, tmp_path: Path) -> None:
    message = refused(cli, cifar_run(tmp_path, trained, "a b"), "--data-dir", tmp_path / "no")
    assert "no: there is no CIFAR-10 here" in message


def test_missing_weights_are_told_with_the_command_that_makes_them(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "weights.safetensors").unlink()
    message = refused(cli, run)
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


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"head.bias": 3}))


def torch_saved(path: Path) -> None:
    torch.save(load(path.read_bytes()), path)


def changed(**tensors: torch.Tensor | None) -> Callable[[Path], None]:
    """Tensors put in the place of others; None takes one away."""

    def change(path: Path) -> None:
        named = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
        whole = {**load(path.read_bytes()), **named}
        path.write_bytes(save({name: tensor for name, tensor in whole.items() if tensor is not None}))

    return change


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is damaged, or no safetensors file"),
    "enormous header": (lambda path: path.write_bytes(b"\xff" * 64), "is damaged, or no safetensors file"),
    "truncated": (truncated, "is damaged, or no safetensors file"),
    "pickle": (pickled, "is damaged, or no safetensors file"),
    "torch.save": (torch_saved, "is damaged, or no safetensors file"),
    "shape": (changed(head__weight=torch.zeros(10, 17)), "head.weight is F32 of shape (10, 17), where the net has"),
    "type": (changed(head__bias=torch.zeros(10, dtype=torch.float16)), "head.bias is F16 of shape (10,)"),
    "lacking": (changed(stem__conv1__weight=None), "it lacks stem.conv1.weight"),
    "more": (changed(evil=torch.zeros(1)), "it holds 'evil', which the net has not"),
    "nan": (changed(head__bias=torch.full((10,), torch.nan)), "head.bias holds values that are not finite"),
    "infinite": (changed(head__bias=torch.full((10,), torch.inf)), "head.bias holds values that are not finite"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "there is no such file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_weights_are_one_line_with_the_way_on(cli: Cli, run: Path, kind: str) -> None:
    damage, fragment = HOSTILE[kind]
    damage(run / "weights.safetensors")
    message = refused(cli, run)
    assert fragment in message
    assert "--results again'" in message


def test_no_run_an_unfinished_and_a_diverged_one_are_told(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert "nowhere: is not the folder of a run, as it holds no spec.yaml" in refused(cli, tmp_path / "nowhere")
    assert f"name one, such as {run}" in refused(cli, tmp_path / "results")
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "status": "diverged"}))
    assert "the run diverged after 24 of 24 steps" in refused(cli, run)
    folder = RunFolder(tmp_path / "new", load_spec(run / "spec.yaml"))
    folder.begin({})
    message = refused(cli, folder.path)
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
