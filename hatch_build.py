"""Puts the experiments into the wheel, and the commit into wheel and sdist. Hatchling runs this, see pyproject.toml."""

import json
import runpy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """An editable installation needs neither: it uses the repository as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.written = TemporaryDirectory()
        if version == "editable":
            return
        root, forced = Path(self.root), build_data["force_include"]
        if self.target_name == "wheel":
            for path in (root / "experiments").rglob("*"):
                if path.suffix in (".yaml", ".json", ".md"):
                    forced[str(path)] = f"resnet_repro/{path.relative_to(root).as_posix()}"
        commit = runpy.run_path(str(root / "resnet_repro/runner/commit.py"))
        if state := commit["git_state"](root / "resnet_repro"):  # else the file in an sdist, if any, goes on as it is
            file = Path(self.written.name) / commit["BUILT_FROM"]
            file.write_text(json.dumps(state, indent=2) + "\n")
            forced[str(file)] = f"resnet_repro/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.written.cleanup()
