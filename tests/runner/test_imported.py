"""--import: a file of the user's own adds to the package's tables, and a run keeps it; nothing else runs it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli
from helpers import SMALL, StopAt, assert_mistake_named, train

import resnet_repro
from resnet_repro.analysis.loading import load_runs
from resnet_repro.record.run import read_run
from resnet_repro.runner.imported import forget_all
from resnet_repro.spec.file import load_spec

REZERO = REPOSITORY / "docs/examples/rezero.py"
READERS = (["list"], ["table"], ["table", "--json"], ["table", "--published"], ["claims"], ["report"],
           ["plot", "--format", "svg"])  # fmt: skip
EVERYTHING = """
import math
import numpy as np
import torch
from torch import Tensor, nn
from resnet_repro.data import CLASSES, DATASETS, Dataset, Split, content_digest
from resnet_repro.models import (ACTIVATIONS, BLOCKS, CLASSIFIER_INITIALIZATIONS, INITIALIZATIONS, SHORTCUTS, UNITS,
                                 Block, Shortcut, UnitOrder)
from resnet_repro.probes import PROBES, Point

print("is shown on stderr")

class Noisy(Shortcut):
    def __init__(self, h: nn.Module, scale: float) -> None:
        super().__init__(h)
        self.scale = nn.Parameter(scale * torch.randn(3))

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x), self.scale.sum() * residual

def noise(data_dir, train_images, test_images):
    random = np.random.default_rng(0)
    train, test = (Split(random.integers(0, 256, (count, 32, 32, 3), np.uint8), random.integers(0, 10, count))
                   for count in (train_images, test_images))
    return Dataset("noise", exact=False, digest=content_digest(train), train=train, test=test)

def means(net, probes):
    return [Point("stem", net.stem, lambda x, output: {"mean": output.float().mean()})]

SHORTCUTS["noisy"] = lambda model, h, gate: Noisy(h, model.branch_scale or 1.0)
UNITS["no_last_relu"] = UnitOrder(layer="conv bn act", last="conv bn", after="")
BLOCKS["triple"] = Block(kernels=(3, 3, 3), expansion=1)
ACTIVATIONS["swish"] = nn.SiLU
INITIALIZATIONS["lecun"] = lambda fan_in, fan_out, model: math.sqrt(1 / fan_in)
CLASSIFIER_INITIALIZATIONS["tiny"] = lambda fan_in, model: 1e-3
DATASETS["noise"] = noise
CLASSES["noise"] = tuple("0123456789")
PROBES["means"] = means
"""
SPEC = """\
model: {depth: 11, width: 2, shortcut: noisy, branch_scale: 0.5, unit: no_last_relu, block: triple, activation: swish,
        initialization: lecun, classifier_initialization: tiny}
data: {dataset: noise, train_images: 64, test_images: 32}
training: {steps: 4, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, clean_images: 16, precision: fp32}
probes: {measure: [means, input_percentiles, dead_units, gradient_norm], images: 16}
"""
REZERO_SPEC = """\
model: {depth: 8, width: 2, shortcut: rezero}
data: {dataset: synthetic, train_images: 64, test_images: 32}
training: {steps: 4, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, clean_images: 16, precision: fp32}
"""
NOT_RUN = "raise SystemExit('a stranger\\'s file was run')\n"


def refused(cli: Cli, *command: object) -> str:
    """The one line of a command that ends with 1."""
    outcome = cli(*command)
    assert_mistake_named(outcome, 1, "error: ")
    return outcome.err


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
    trained = cli("train", "net.yaml", "--import", "mine.py", "--seeds", "0-1", "--device", "cpu")
    assert trained.code == 0, trained.err
    assert Path("results/net/seed-1/imported/mine.py").read_text() == EVERYTHING
    forget_all()
    for reader, *options in READERS:
        read = cli(reader, "results", *options)
        assert (read.code, read.err) == (0, ""), read
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


def test_an_export_that_torch_alone_could_not_run_is_refused(cli: Cli, spec: str) -> None:
    branching = (
        "h = self.h(x)\n        if x.mean() > 0:\n            h = h * 1\n        return h, self.scale * residual"
    )
    Path("mine.py").write_text(REZERO.read_text().replace("return self.h(x), self.scale * residual", branching))
    assert cli("train", spec, "--import", "mine.py", "--device", "cpu").code == 0
    assert "torch.export cannot follow this net" in refused(cli, "export", "results/net/seed-0", "out",
                                                            "--import", "mine.py")  # fmt: skip
    assert not Path("out").exists()


MISTAKES = {
    "no such file": (None, "--import mine.py: there is no such file; did you mean mane.py?"),
    "not Python": ("x = (\n", "mine.py:1: is not Python: '(' was never closed"),
    "null": ("x = '\0'\n", "mine.py"),
    "an error": ("\nimport torch\ntorch.zeros(-1)\n", "mine.py:3: RuntimeError"),
    "an exit": ("raise SystemExit(0)\n", "mine.py:1: SystemExit: 0"),
    "a module that is not there": ("import nowhere\n", "mine.py:1: ModuleNotFoundError: No module named 'nowhere'"),
    "nothing": ("SHORTCUTS = {}\n", "mine.py: adds no row to SHORTCUTS, UNITS"),
    "a name that is taken": (
        "from resnet_repro.models import SHORTCUTS\n\nSHORTCUTS['identity'] = None\n",
        "mine.py:3: SHORTCUTS['identity'] is the package's own, and stays; take another name",
    ),
    "a row that is removed": ("from resnet_repro.models import UNITS\nUNITS.clear()\n", "UNITS['original'] is the"),
    "a probe that has no row": (
        "from resnet_repro.probes import PROBES\nPROBES['gradient_norm'] = len\n",
        "mine.py:2: PROBES['gradient_norm'] is the package's own",
    ),
    "a name with a space": (
        "from resnet_repro.models import SHORTCUTS\nSHORTCUTS['a b'] = len\n",
        "mine.py:2: SHORTCUTS['a b']: a name should be letters, digits and _",
    ),
    "a data set without classes": (
        "from resnet_repro.data import DATASETS\nDATASETS['mine'] = len\n",
        "mine.py:2: DATASETS['mine'] needs the names of its 10 classes in CLASSES['mine']",
    ),
    "arguments": (
        "from resnet_repro.models import SHORTCUTS, Shortcut\nSHORTCUTS['rezero'] = Shortcut\n",
        "mine.py: TypeError: Shortcut.__init__() takes 2 positional arguments but 4 were given; "
        "SHORTCUTS['rezero'] is called with (model, h, gate) and gives a Shortcut",
    ),
    "one term": (
        REZERO.read_text().replace("return self.h(x), self.scale * residual", "return self.h(x) + residual"),
        "too many values to unpack (expected 2); SHORTCUTS['rezero'] is called with",
    ),
    "an error in forward": (
        REZERO.read_text().replace("self.scale * residual", "self.scala * residual"),
        "mine.py:22: AttributeError: 'ReZero' object has no attribute 'scala'; SHORTCUTS['rezero']",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_is_one_line_before_anything_is_trained(cli: Cli, spec: str, mistake: str) -> None:
    text, fragment = MISTAKES[mistake]
    Path("mane.py" if text is None else "mine.py").write_text(text or "")
    for command in (["train", spec, "--device", "cpu"], ["describe", spec]):
        assert_mistake_named(cli(*command, "--import", "mine.py"), 1, fragment)
    assert not Path("results").exists()
    assert cli("describe", "plain20").code == 0  # the tables are as they were


def test_a_data_set_that_gives_other_images_than_the_spec_says_is_one_line(cli: Cli, spec: str) -> None:
    Path("mine.py").write_text(EVERYTHING.replace("for count in (train_images", "for count in (train_images - 1"))
    command = ("train", spec, "--device", "cpu", "--set", "data.dataset=noise", "--import", "mine.py")
    told = cli(*command, "--set", "model.shortcut=identity")
    assert told.code == 1
    assert "ValueError: data.train_images is 64, and its images are uint8 of shape (63, 32, 32, 3)" in told.err
    assert "Traceback" not in told.err


def test_a_name_that_no_table_has_is_told_with_the_choices_and_the_way_to_add_one(cli: Cli, spec: str) -> None:
    assert "a name of your own needs --import with the file that adds it" in refused(cli, "describe", spec)
    other = ("--set", "model.shortcut=rezeru")
    told = refused(cli, "describe", spec, *other, "--import", REZERO)
    assert "'conv1x1', 'dropout' or 'rezero'" in told
    assert refused(cli, "describe", spec, "--set", "model.shortcut=identiy").endswith("; did you mean identity?\n")
    measured = refused(cli, "describe", "plain20", "--set", "probes.measure=[mine]")
    assert measured.endswith("; a name of your own needs --import with the file that adds it\n")


def test_a_file_that_changed_since_a_run_began_is_noticed(cli: Cli, spec: str) -> None:
    Path("rezero.py").write_text(REZERO.read_text())
    resnet_repro.import_file("rezero.py")
    train(load_spec(spec), Path("results"), StopAt(2))
    began = Path("results/net/seed-0/imported/rezero.py").read_text()
    Path("rezero.py").write_text(began.replace("torch.zeros(())", "torch.ones(())"))
    command = ("train", spec, "--import", "rezero.py", "--device", "cpu")
    told = (
        "error: results/net/seed-0: was made with another rezero.py than --import rezero.py: take the copy in the "
        "run's folder, --import results/net/seed-0/imported/rezero.py, give yours another name, or discard that run "
        "with --restart\n"
    )
    assert refused(cli, *command) == told
    forget_all()
    assert cli("train", spec, "--import", "results/net/seed-0/imported/rezero.py", "--device", "cpu").code == 0
    forget_all()
    assert refused(cli, *command) == told  # also once the run has finished
    assert "was made with another rezero.py" in refused(cli, "evaluate", "results/net/seed-0", "--import", "rezero.py")
    Path("results/net/seed-0/imported/rezero.py").unlink()
    assert "is missing or has changed too; restore it" in refused(cli, *command)
    assert cli(*command, "--restart").code == 0
    assert "torch.ones" in Path("results/net/seed-0/imported/rezero.py").read_text()


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


def test_no_spec_and_no_run_folder_can_have_its_file_run(cli: Cli, spec: str) -> None:
    assert cli("train", spec, "--import", REZERO, "--device", "cpu").code == 0
    forget_all()
    run = Path("results/net/seed-0")
    (run / "imported/rezero.py").write_text(NOT_RUN)
    Path("imported").mkdir()
    Path("imported/rezero.py").write_text(NOT_RUN)
    for reader, *options in READERS:
        assert cli(reader, "results", *options).code == 0
    for command in (["train", run / "spec.yaml"], ["train", spec], ["describe", run / "spec.yaml"], ["evaluate", run],
                    ["export", run, "out"], ["bench", spec], ["train", spec, "--dry-run"]):  # fmt: skip
        told = refused(cli, *command)
        assert "if you trust the file that its run has kept, add --import " in told
        assert "stranger" not in told
    page = Path("results/report.html").read_text()
    assert "--import" not in page  # its commands are safe to paste


def test_a_folder_of_copies_that_leads_out_is_not_written_through(cli: Cli, spec: str) -> None:
    Path("outside").mkdir()
    Path("results/net/seed-0").mkdir(parents=True)
    Path("results/net/seed-0/imported").symlink_to(Path("outside").resolve())
    told = cli("train", spec, "--import", REZERO, "--device", "cpu")
    assert (told.code, [*Path("outside").iterdir()]) == (1, [])
    assert "results/net/seed-0/imported: a link leads out of results/net/seed-0" in told.err


@pytest.mark.usefixtures("forked_children")
def test_runs_side_by_side_have_the_file_as_it_was_when_the_command_began(cli: Cli, spec: str) -> None:
    trained = cli("train", spec, "--import", REZERO, "--seeds", "0-1", "--jobs", "2", "--device", "cpu")
    assert trained.code == 0, trained.err
    for seed in (0, 1):
        assert Path(f"results/net/seed-{seed}/imported/rezero.py").read_bytes() == REZERO.read_bytes()


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
