"""The recipes of CONTRIBUTING.md work as they are written: applied to a copy of the package, and tried on commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import REPOSITORY

SPEC = """\
model: {{depth: 8, width: 4, {model}}}
data: {{dataset: noise, train_images: 64, test_images: 32}}
training: {{steps: 4, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, record_every: 4, clean_images: 16}}
probes: {{measure: [activation_mean], images: 32}}
"""
COMMANDS = [
    ["train", "shortcut.yaml", "unit.yaml", "--device", "cpu"],
    *([command, "results"] for command in ("list", "table", "plot", "claims", "report")),
    ["table", "results", "--json"],
    ["describe", "shortcut.yaml"],
    ["evaluate", "results/shortcut/seed-0"],
    ["export", "results/shortcut/seed-0", "exported"],
]
PROGRAM = """
import sys
from resnet_repro.cli import main
for command in {commands}:
    print(">", *command, flush=True)
    sys.argv = ["resnet-repro", *command]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


def test_every_recipe_works_with_every_command(tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "resnet_repro", tmp_path / "resnet_repro", ignore=shutil.ignore_patterns("__pycache__")
    )
    apply_recipes(tmp_path / "resnet_repro")
    (tmp_path / "shortcut.yaml").write_text(SPEC.format(model="shortcut: rezero"))
    (tmp_path / "unit.yaml").write_text(SPEC.format(model="unit: no_relu_after_addition"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(commands=COMMANDS)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in ("ResNet-8 (rezero, width 4)", "ResNet-8 (no relu after addition, width 4)", "C14"):
        assert shown in done.stdout
    assert "activation_mean" in (tmp_path / "results/unit/seed-0/probes.csv").read_text()
    assert list((tmp_path / "results/figures").glob("speed-noise-*.png"))


def apply_recipes(package: Path) -> None:
    """Put each Python block of CONTRIBUTING.md where its text says."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "CONTRIBUTING.md").read_text(), flags=re.DOTALL)
    unit, shortcut, shortcut_line, probe, figure, claim, data = blocks

    def insert(name: str, before: str, text: str) -> None:
        code = (package / name).read_text()
        assert code.count(before) == 1, (name, before)
        (package / name).write_text(code.replace(before, text + before))

    def append(name: str, text: str) -> None:
        code = (package / name).read_text() if (package / name).exists() else ""
        (package / name).write_text(f"{code}\n\n{text}")

    insert("models/units.py", '    "original": UnitOrder', unit)
    insert("spec/model.py", '"original", "bn_after_addition"', '"no_relu_after_addition", ')
    append("models/shortcuts.py", shortcut)
    insert("models/build.py", "SHORTCUTS: dict", "from resnet_repro.models.shortcuts import ReZero\n")
    insert("models/build.py", '    "identity": lambda', shortcut_line)
    insert("spec/model.py", '"none", "identity", "scaled"', '"rezero", ')
    append("probes/activations.py", probe)
    insert("probes/__init__.py", "PROBES: dict", "from resnet_repro.probes.activations import activation_mean\n")
    insert("probes/__init__.py", '    "layer_response": layer_response', '    "activation_mean": activation_mean,\n')
    insert("spec/probes.py", '"layer_response", "gradient_norm"', '"activation_mean", ')
    imports = (
        "from matplotlib.figure import Figure\n"
        "from resnet_repro.analysis.groups import Group\n"
        "from resnet_repro.figures.captions import Caption\n"
        "from resnet_repro.figures.style import WEB, Style, add_title, drawing, new_figure\n"
    )
    append("figures/speed.py", imports + figure)
    insert("figures/__init__.py", "FIGURES: dict", "from resnet_repro.figures.speed import caption_speed, draw_speed\n")
    insert(
        "figures/__init__.py", '    "degradation": Family',
        '    "speed": Family(draw_speed, caption_speed, "speed of training", "any run"),\n',
    )  # fmt: skip
    insert("papers/claims.py", '    Claim("C2"', claim)
    imports = (
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from resnet_repro.data.dataset import Dataset, Split, content_digest\n"
    )
    append("data/noise.py", imports + data)
    insert("data/__init__.py", "DATASETS: dict", "from resnet_repro.data.noise import load_noise\n")
    insert("data/__init__.py", '    "synthetic": load_synthetic', '    "noise": load_noise,\n')
    insert("data/__init__.py", '    "synthetic": synthetic.CLASSES', '    "noise": tuple("0123456789"),\n')
    insert("spec/data.py", '"cifar10", "synthetic"]', '"noise", ')
