"""Damaged files of a run folder are reported with their names, or restored from a checkpoint."""

from pathlib import Path

import pytest
from run_folders import COLUMNS, PROBE_COLUMNS, PROBED, probed_folder, unfinished_folder

from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return unfinished_folder(tmp_path)


@pytest.fixture
def probed(tmp_path: Path) -> RunFolder:
    return probed_folder(tmp_path / "probed")


@pytest.mark.parametrize("damage", [None, b"", b"step,epo", b"\xff\xfe", b"{"])
@pytest.mark.parametrize("name", ["metrics.csv", "probes.csv", "environment.json", "summary.json"])
def test_resuming_restores_damaged_text_files(
    tmp_path: Path, probed: RunFolder, name: str, damage: bytes | None
) -> None:
    whole = (probed.path / name).read_bytes() if name != "summary.json" else None
    recorded = probed.recorded()
    if damage is None:
        (probed.path / name).unlink(missing_ok=True)
    else:
        (probed.path / name).write_bytes(damage)
    RunFolder(tmp_path / "probed", PROBED).begin({"device": "cpu"}, recorded)
    if whole is None:
        assert not (probed.path / name).exists()
    elif name != "environment.json":
        assert (probed.path / name).read_bytes() == whole
    assert read_run(probed.path).environment == {"device": "cpu", "resumed": [{}]}


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("metrics.csv", "step,loss\n1,2\n", "metrics.csv:1: the columns should be"),
        ("metrics.csv", f"{COLUMNS}\n1,2,3\n", "metrics.csv:2: is damaged"),
        ("metrics.csv", f"{COLUMNS}\n1,,3,4,5,6,7,8,9,10\n", "metrics.csv:2: is damaged"),
        ("metrics.csv", "", "metrics.csv:1: the columns should be"),
        ("metrics.csv", b"\xff\xfe", "metrics.csv:1: is damaged"),
        ("summary.json", "{", "summary.json: is damaged"),
        ("summary.json", "[]", "summary.json: is damaged"),
        ("summary.json", '{"status": "fine"}', "summary.json: status"),
        ("environment.json", "[" * 100_000, "environment.json: is damaged"),
        ("spec.yaml", "", "spec.yaml: is not a spec"),
    ],
)
def test_damage_is_named(folder: RunFolder, name: str, content: str | bytes, fragment: str) -> None:
    (folder.path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Exception, match=fragment) as refused:
        read_run(folder.path)
    assert type(refused.value).__name__ in ("RunError", "SpecError")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("step,probe,layer\n", "probes.csv:1: the columns should be step,probe,layer,name,value"),
        (f"{PROBE_COLUMNS}\n1,a,b,c,0.5\n2,a,b,c\n", "probes.csv:3: is damaged"),
        (f"{PROBE_COLUMNS}\n1,a,b,c,\n", "probes.csv:2: is damaged"),
        (f"{PROBE_COLUMNS}\n1.5,a,b,c,2\n", "probes.csv:2: is damaged"),
        (b"\x80", "probes.csv:1: is damaged"),
    ],
)
def test_damage_to_probe_rows_is_named_and_the_rest_of_the_run_is_read(
    probed: RunFolder, content: str | bytes, fragment: str, caplog: pytest.LogCaptureFixture
) -> None:
    (probed.path / "probes.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    run = read_run(probed.path)
    assert (len(run.rows), run.probes) == (1, ())
    [message] = caplog.messages
    assert message.startswith(f"{probed.path / fragment}")
    assert message.endswith("; the probes of this run are left out")
    assert "\n" not in message
