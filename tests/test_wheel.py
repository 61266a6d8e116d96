"""What is built from the repository works without it: an sdist, a wheel made from that, and its run elsewhere."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import REPOSITORY
from helpers import SMALL, command_line

from resnet_repro import __version__
from resnet_repro.runner.commit import COMMIT_VARIABLE, git_state
from resnet_repro.spec.carried import carried_specs


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist and the wheel, built as `python -m build` does, but with the packages at hand."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    ended = subprocess.run(build, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel unpacked, as pip installs it. Its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(built / f"resnet_repro-{__version__}-py3-none-any.whl") as wheel:
        wheel.extractall(folder)  # noqa: S202  (our own)
    return folder


def test_the_wheel_has_the_package_and_its_experiments_once_and_nothing_else(installed: Path) -> None:
    found = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    info = f"resnet_repro-{__version__}.dist-info"
    package = REPOSITORY / "resnet_repro"
    kept = {path for path in package.rglob("*") if path.suffix in (".py", ".typed", ".css", ".js", ".html")}
    names = {path.relative_to(REPOSITORY).as_posix() for path in kept}
    names |= {f"resnet_repro/experiments/{name}.yaml" for name in carried_specs()}
    names |= {f"resnet_repro/experiments/{name}" for name in ("schema.json", "README.md")}
    names |= {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert found - {"resnet_repro/built_from.json"} == names
    assert f"\nVersion: {__version__}\n" in (installed / info / "METADATA").read_text()


def test_the_sdist_has_what_the_wheel_is_built_from(built: Path) -> None:
    with tarfile.open(built / f"resnet_repro-{__version__}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert names >= {
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "hatch_build.py",
        "pyproject.toml",
        "experiments/plain20.yaml",
    }
    assert not any(name.startswith(("results", "data", "tests")) for name in names)


def test_a_run_of_the_wheel_in_an_empty_folder_finds_its_spec_and_records_the_commit_of_the_build(
    installed: Path, tmp_path: Path
) -> None:
    state = git_state(REPOSITORY / "resnet_repro")
    overrides = [word for value in SMALL for word in ("--set", value)]
    command = command_line("train", "tenth/plain20", *overrides, "--device", "cpu")
    environment = {key: value for key, value in os.environ.items() if key != COMMIT_VARIABLE}
    environment["PYTHONPATH"] = str(installed)
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    recorded = json.loads((tmp_path / "results/tenth/plain20/seed-0/environment.json").read_text())
    assert recorded["git"] == (state and {**state, "from": "build"})
