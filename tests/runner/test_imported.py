"""--import: a file of the user's own adds to the package's tables, and a run keeps it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli
from helpers import SMALL
from own_files import EVERYTHING, READERS, REZERO, REZERO_SPEC, SPEC, refused

import resnet_repro
from resnet_repro.analysis.loading import load_runs
from resnet_repro.record.run import read_run
from resnet_repro.runner.imported import forget_all
from resnet_repro.spec.file import load_spec


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A spec that names ReZero, in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(REZERO_SPEC)
    return "net.yaml"


def test_a_file_may_add_to_every_table_and_results_are_read_without_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(EVERYTHING)
    Path("net.yaml").write_text(SPEC)
    described = cli("describe", "net.yaml", "--import", "mine.py", "--json")
    assert json.loads(described.out)["layers"] == 11
    assert described.err == "is shown on stderr\n"
    lines = cli("describe", "net.yaml", "--import", "mine.py").out.splitlines()
    assert lines[-2:] == [
        "initialisation of convolutions: lecun, of an own file",
        "initialisation of the classifier: tiny, of an own file",
    ]
    planned = cli("train", "net.yaml", "--import", "mine.py", "--dry-run", "--device", "cpu").out
    assert f" {json.loads(described.out)['parameters']:,} " in planned
    trained = cli("train", "net.yaml", "--import", "mine.py", "--seeds", "0-1", "--device", "cpu")
    assert trained.code == 0, trained.err
    assert Path("results/net/seed-1/imported/mine.py").read_text() == EVERYTHING
    usual = ("--set", "model.classifier_initialization=uniform", "--name", "usual")
    assert cli("train", "net.yaml", "--import", "mine.py", *usual, "--device", "cpu").code == 0
    forget_all()
    for reader, *options in READERS:
        read = cli(reader, "results", *options)
        assert (read.code, read.err) == (0, ""), read
    assert list(Path("results/figures").glob("classifier-*.svg"))
    shown = cli("table", "results").out
    assert "ResNet-11 (triple, no last relu, noisy, F × 0.5, swish, lecun, tiny classifier, width 2)" in shown
    assert cli("list", "results").out.count("≠") == 0
    probes = {row.probe for row in read_run(Path("results/net/seed-0")).probes}
    assert probes == {"means", "input_percentiles", "gradient_norm"}


def test_evaluate_and_export_need_the_file_and_the_exported_program_does_not(cli: Cli, spec: str) -> None:
    assert cli("train", spec, "--import", REZERO, "--device", "cpu").code == 0
    forget_all()
    run, copy = "results/net/seed-0", "results/net/seed-0/imported/rezero.py"
    for command in (["evaluate", run], ["export", run, "out"]):
        assert refused(cli, *command) == (
            f"error: {run}/spec.yaml: model.shortcut: 'rezero' is not in the package; "
            f"if you trust the file that its run has kept, add --import {copy}\n"
        )
    assert "agrees with the recorded numbers" in cli("evaluate", run, "--device", "cpu", "--import", copy).out
    exported = cli("export", run, "out", "--import", REZERO)
    assert exported.code == 0, exported.err
    assert "out/imported/rezero.py" in exported.out
    assert 'resnet_repro.import_file("imported/rezero.py")' in Path("out/README.md").read_text()
    program = (
        "import sys; sys.modules['resnet_repro'] = None\n"
        "import torch; net = torch.export.load('out/model.pt2').module()\n"
        "print(tuple(net(torch.zeros(5, 3, 32, 32, dtype=torch.uint8)).shape))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "(5, 10)\n"
    usual = ("train", spec, "--set", "model.shortcut=identity", "--set", "name=usual", "--device", "cpu")
    assert cli(*usual).code == 0
    assert cli("export", "results/usual/seed-0", "out").code == 0  # in the place of the earlier export
    assert not Path("out/imported").exists()


@pytest.mark.usefixtures("forked_children")
def test_an_export_that_torch_alone_could_not_run_is_refused(cli: Cli, spec: str) -> None:
    branching = (
        "h = self.h(x)\n        if x.mean() > 0:\n            h = h * 1\n        return h, self.scale * residual"
    )
    Path("mine.py").write_text(REZERO.read_text().replace("return self.h(x), self.scale * residual", branching))
    assert cli("train", spec, "--import", "mine.py", "--device", "cpu").code == 0
    assert "torch.export cannot follow this net" in refused(cli, "export", "results/net/seed-0", "out",
                                                            "--import", "mine.py")  # fmt: skip
    assert not Path("out").exists()
    for command in (["describe", spec], ["train", spec, "--dry-run", "--restart"]):
        said = refused(cli, *command, "--import", "mine.py")
        assert said.startswith("error: model.shortcut rezero: cannot be described, as torch.fx cannot trace it: ")
    both = ("train", spec, "--vary", "training.steps=2,3,4", "--jobs", "2", "--import", "mine.py", "--device", "cpu")
    trained = cli(*both)
    assert trained.code == 0, trained.err
    assert "the runs start in the order of their specs, and not the longest first: model.shortcut rezero" in trained.err


def test_runs_made_with_different_files_are_neither_averaged_nor_taken_for_repeats(cli: Cli, spec: str) -> None:
    for seed, start in ((0, "zeros"), (1, "ones")):
        Path("rezero.py").write_text(REZERO.read_text().replace("torch.zeros", f"torch.{start}"))
        assert cli("train", spec, "--import", "rezero.py", "--seed", seed, "--device", "cpu").code == 0
    [group] = json.loads(cli("table", "results", "--json").out)
    names = [net["net"] for net in group["nets"]]
    digests = [read_run(Path(f"results/net/seed-{seed}")).imported for seed in (0, 1)]
    assert sorted(names) == sorted(f"ResNet-8 (rezero, width 2) [{digest}]" for digest in digests)
    assert f"(imported: {' or '.join(sorted(digests))})" in cli("list", "results").out
    shutil.copytree("results/net/seed-0", "copied/seed-0")
    environment = Path("copied/seed-0/environment.json")
    environment.write_text(environment.read_text().replace(digests[0].split()[1], "0" * 10))
    assert len(load_runs("results", "copied")) == 3


@pytest.mark.usefixtures("forked_children")
def test_runs_side_by_side_have_the_file_as_it_was_when_the_command_began(cli: Cli, spec: str) -> None:
    trained = cli("train", spec, "--import", REZERO, "--seeds", "0-1", "--jobs", "2", "--device", "cpu")
    assert trained.code == 0, trained.err
    for seed in (0, 1):
        assert Path(f"results/net/seed-{seed}/imported/rezero.py").read_bytes() == REZERO.read_bytes()


@pytest.mark.usefixtures("forked_children")
def test_from_python_too_runs_side_by_side_have_the_file(spec: str) -> None:
    resnet_repro.import_file(REZERO)
    runs = resnet_repro.train(resnet_repro.load_spec(spec), seeds=[0, 1], jobs=2, device="cpu", quiet=True)
    assert [run.status for run in runs] == ["finished"] * 2
    assert all((run.path / "imported/rezero.py").exists() for run in runs)


def test_a_run_that_names_nothing_of_the_file_does_not_keep_it(cli: Cli, spec: str) -> None:
    command = ("train", spec, "--set", "model.shortcut=identity", "--import", REZERO, "--device", "cpu")
    assert cli(*command).code == 0
    assert "imported" not in json.loads(Path("results/net/seed-0/environment.json").read_text())
    assert not Path("results/net/seed-0/imported").exists()


def test_equal_seeds_draw_equal_parameters_of_an_own_shortcut(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EVERYTHING)
    (tmp_path / "net.yaml").write_text(SPEC)
    resnet_repro.import_file(tmp_path / "mine.py")
    one, two = (resnet_repro.build_net(load_spec(tmp_path / "net.yaml")).state_dict() for _ in range(2))
    assert all(bool((one[name] == two[name]).all()) for name in one)


def test_in_a_notebook_a_changed_file_replaces_what_it_added_before(tmp_path: Path) -> None:
    path = tmp_path / "rezero.py"
    path.write_text(REZERO.read_text())
    (tmp_path / "net.yaml").write_text(REZERO_SPEC)
    resnet_repro.import_file(path)
    path.write_text(REZERO.read_text().replace("torch.zeros", "torch.ones"))
    resnet_repro.import_file(path)
    net = resnet_repro.build_net(load_spec(tmp_path / "net.yaml"))
    assert {float(value.detach()) for name, value in net.named_parameters() if name.endswith("scale")} == {1.0}


def test_the_commands_of_the_page_work_as_they_are_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs/own-ideas.md").read_text()
    example = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0]
    assert REZERO.read_text().endswith(f'"""\n\n{example}')
    Path("rezero.py").write_text(example)
    commands = re.findall(r"^ {4}resnet-repro (.*)$", page, flags=re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        short = [part for override in SMALL for part in ("--set", override)] if "train" in command else []
        played = cli(*shlex.split(command.replace("0-2", "0")), *short)
        assert played.code == 0, (command, played.err)
        forget_all()
        if "table" in command:
            assert "ResNet-20 (rezero, width 2)" in played.out


def test_the_table_of_the_page_is_what_the_committed_runs_give(cli: Cli, tmp_path: Path) -> None:
    made = REPOSITORY / "docs/examples/results/rezero"
    for runs in (made, REPOSITORY / "results/quick/resnet20"):
        shutil.copytree(runs, tmp_path / runs.name)
    table = (REPOSITORY / "docs/own-ideas.md").read_text().split("<!-- table -->")[1].split("<!-- /table -->")[0]
    assert table.strip() == cli("table", tmp_path, "--markdown").out.strip()
    for run in load_runs(made):
        assert (run.is_cifar10, run.environment["git"]["dirty"]) == (True, False)
        assert (run.path / "imported/rezero.py").read_bytes() == REZERO.read_bytes()
