"""--import: mistakes in the file, files that changed, and strangers' files, which nothing runs."""

from pathlib import Path

import pytest
from conftest import Cli
from helpers import StopAt, assert_mistake_named, train
from own_files import EVERYTHING, NOT_RUN, READERS, REZERO, REZERO_SPEC, refused

import resnet_repro
from resnet_repro.runner.imported import forget_all
from resnet_repro.spec.file import load_spec

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


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A spec that names ReZero, in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(REZERO_SPEC)
    return "net.yaml"


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
    assert told.endswith("'conv1x1', 'dropout' or 'rezero'; did you mean rezero?\n")
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
