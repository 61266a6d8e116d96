"""export: the files give the run's logits, with and without this package; foreign files are never overwritten."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Cli
from finished_runs import edit_json, finished, front_matter, refused
from safetensors import safe_open
from safetensors.torch import load_file

from resnet_repro.data import DATASETS
from resnet_repro.data.batches import EvaluationBatches, Normalization
from resnet_repro.data.synthetic import draw
from resnet_repro.models.build import build
from resnet_repro.record.run import read_run
from resnet_repro.runner.finished import load_net
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.file import load_spec
from resnet_repro.spec.naming import net_name
from resnet_repro.weights.card import model_card
from resnet_repro.weights.export import export_run
from resnet_repro.weights.program import FromBytes, exported

FILES = ["README.md", "config.json", "model.pt2", "model.safetensors", "preprocessing.safetensors", "spec.yaml"]
CPU = torch.device("cpu")
WITHOUT_PACKAGE = """\
import sys
sys.modules["resnet_repro"] = None  # an import of it fails
images = torch.load("images.pt", weights_only=True)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a residual net, whose shortcuts subsample and pad."""
    return finished(tmp_path_factory.mktemp("results"), "model.shortcut=identity")


@pytest.fixture(scope="module")
def export(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "net"
    list(export_run(trained, folder, Path("data")))
    return folder


@pytest.fixture(scope="module")
def expected(trained: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The first test images, (7, 3, 32, 32) uint8, and the logits of the run's net for them, (7, 10)."""
    experiment = load_spec(trained / "spec.yaml")
    data = experiment.data
    dataset = DATASETS[data.dataset](Path("data"), data.train_images, data.test_images)
    batches = EvaluationBatches(dataset.test, Normalization(dataset.train, CPU), CPU, limit=7)
    with torch.no_grad():
        logits = load_net(read_run(trained))(next(iter(batches)).images)
    return torch.from_numpy(dataset.test.images[:7]).permute(0, 3, 1, 2).contiguous(), logits


def snippets(export: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (export / "README.md").read_text(), re.DOTALL)


def test_three_lines_of_torch_give_the_runs_logits_without_this_package(
    export: Path, expected: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    images, logits = expected
    first, *rest = snippets(export)[0].splitlines()
    assert (first, len(rest)) == ("import torch", 2)
    folder = Path(shutil.copytree(export, tmp_path / "elsewhere"))
    torch.save(images, folder / "images.pt")
    program = "\n".join([first, WITHOUT_PACKAGE, *rest, 'torch.save([logits, net(images[:1])], "logits.pt")'])
    call = [sys.executable, "-P", "-c", program]
    ended = subprocess.run(call, cwd=folder, env={"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    several, one = torch.load(folder / "logits.pt", weights_only=True)
    torch.testing.assert_close(several, logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one, logits[:1], rtol=1e-5, atol=1e-5)
    assert not several.requires_grad


def test_three_lines_with_this_package_give_the_same(
    export: Path, expected: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, logits = expected
    monkeypatch.chdir(export)
    names: dict[str, object] = {}
    exec(compile(snippets(export)[1], "README.md", "exec"), names)  # noqa: S102  # our own lines
    net, preprocessing = names["net"], load_file("preprocessing.safetensors")
    assert isinstance(net, torch.nn.Module)
    assert not net.training
    with torch.no_grad():
        found = net((images.float() - preprocessing["mean"]) * preprocessing["scale"])
    torch.testing.assert_close(found, logits, rtol=1e-5, atol=1e-5)


OTHER_NETS = [
    {"depth": 8, "width": 2, "unit": "full_preactivation", "shortcut": "exclusive_gate", "gate_bias": -1.0},
    {"depth": 11, "width": 2, "block": "bottleneck", "dropout": 0.3, "shortcut": "dropout", "shortcut_dropout": 0.5},
    {"depth": 8, "width": 2, "normalization": "none", "initialization": "fixup"},
]


@pytest.mark.parametrize("fields", OTHER_NETS, ids=lambda fields: net_name(ModelSpec.model_validate(fields)))
def test_every_kind_of_layer_can_be_exported(
    fields: dict[str, object], expected: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    net = build(ModelSpec.model_validate(fields), torch.Generator().manual_seed(0))
    with_preprocessing = FromBytes(net, Normalization(draw(50, 0), CPU)).eval()
    (tmp_path / "net.pt2").write_bytes(exported(with_preprocessing))
    images = expected[0]
    loaded = torch.export.load(tmp_path / "net.pt2").module()
    torch.testing.assert_close(loaded(images), with_preprocessing(images), rtol=1e-5, atol=1e-5)


def test_the_files_describe_the_run(export: Path, trained: Path) -> None:
    assert sorted(path.name for path in export.iterdir()) == FILES
    final = read_run(trained).final
    assert final is not None
    config = json.loads((export / "config.json").read_text())
    assert config["final"]["test_error_pct"] == final.test_error_pct
    assert config["classes"][0] == "disk"
    assert config["data"]["exact"] is False
    with safe_open(export / "model.safetensors", framework="pt") as file:
        header = file.metadata()
    assert header["net"] == "ResNet-8 (width 4)"
    assert header["test_error_pct"] == str(final.test_error_pct)
    assert header["data_digest"] == config["data"]["digest"]
    assert load_spec(export / "spec.yaml") == load_spec(trained / "spec.yaml")
    assert not any(str(trained.parent).encode() in path.read_bytes() for path in export.iterdir())
    assert b"/resnet_repro/models/" not in (export / "model.pt2").read_bytes()


def test_the_card_describes_the_run_and_its_short_schedule(export: Path, trained: Path) -> None:
    card = (export / "README.md").read_text()
    final = read_run(trained).final
    assert final is not None
    for part in ("**Trained for 24 steps; the paper's schedule has 64,000.", "**Not trained on the true CIFAR-10.**",
                 "1512.03385", "1502.03167", f"{final.test_error_pct:.2f} % of 40 test images", "`synthetic shapes`",
                 "learning rate 0.05, ×0.1 after 12 and 18", "| seed | 0 |", "MIT", "in `fp32`",
                 "disk, ring"):  # fmt: skip
        assert part in card
    assert "1603.05027" not in card
    assert "hf upload USER/NAME ." in card
    assert front_matter(card) == {
        "license": "mit", "library_name": "pytorch", "pipeline_tag": "image-classification"
    }  # fmt: skip  # nothing of the Hub's CIFAR-10


def test_text_from_a_run_does_not_act_as_markdown(trained: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0"))
    edit_json(run / "environment.json", git={"commit": "`<script>` | \x1b[2J\ud800"}, precision="x\n# y")
    card = model_card(read_run(run), 1)
    assert "| commit of resnet-repro | `'<script>' / \\x1b[2J\\ud800` |" in card
    assert "\n# y" not in card


def test_an_earlier_export_is_replaced_and_other_files_stay(cli: Cli, export: Path, trained: Path) -> None:
    (export / "notes.txt").write_text("mine")
    (export / "README.md").write_text("old")
    exported_again = cli("export", trained, export)
    assert exported_again.code == 0
    assert sorted(Path(line).name for line in exported_again.out.splitlines()) == FILES
    assert (export / "README.md").read_text() != "old"
    assert (export / "notes.txt").read_text() == "mine"
    (export / "notes.txt").unlink()


@pytest.mark.parametrize("config", [None, "{}", "[", '{"made_by": "me"}'])
def test_a_folder_that_is_not_an_export_stays_unchanged(
    cli: Cli, trained: Path, tmp_path: Path, config: str | None
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/README.md").write_text("mine")
    if config is not None:
        (tmp_path / "out/config.json").write_text(config)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert "out: holds files that export did not make; choose another OUTPUT" in refused(
        cli, "export", trained, tmp_path / "out"
    )
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(cli: Cli, trained: Path, tmp_path: Path) -> None:
    run, out = Path(shutil.copytree(trained, tmp_path / "results/tiny/seed-0")), tmp_path / "out"
    (tmp_path / "file").write_text("mine")
    assert "file: is not a folder" in refused(cli, "export", run, tmp_path / "file")
    assert "is not a run folder" in refused(cli, "export", tmp_path, out)
    edit_json(run / "environment.json", data={"name": "x", "digest": "another training-set"})
    assert "other training images than the run's" in refused(cli, "export", run, out)
    edit_json(run / "environment.json", data={"name": "x"})
    assert "environment.json: holds no digest of the run's data" in refused(cli, "export", run, out)
    spec = (run / "spec.yaml").read_text()
    for ours, cifar10 in {
        "synthetic": "cifar10",
        "train_images: 80": "train_images: 50000",
        "test_images: 40": "test_images: 10000",
    }.items():
        spec = spec.replace(ours, cifar10)
    (run / "spec.yaml").write_text(spec)
    message = refused(cli, "export", run, out, "--data-dir", tmp_path / "no")
    assert (
        f"export needs the run's training images, for their per-pixel mean: {tmp_path / 'no'}: there is no" in message
    )
    (run / "weights.safetensors").unlink()
    assert "weights.safetensors: there is no such file" in refused(cli, "export", run, out)
    (run / "summary.json").unlink()
    assert "has not finished" in refused(cli, "export", run, out)
    assert not out.exists()
