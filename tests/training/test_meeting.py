"""Variables that torchrun has left over, and ranks that do not come, end in one line instead of a wait without end."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Cli
from helpers import assert_mistake_named
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # which some builds lack

from resnet_repro.errors import RunError
from resnet_repro.training.meeting import PLACE_VARIABLES, RANK_VARIABLES, Seat, meet, read_seat

VARIABLES = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
UNSET = "or unset RANK, LOCAL_RANK and WORLD_SIZE to train in one process"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*RANK_VARIABLES, *PLACE_VARIABLES, "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("resnet_repro.training.meeting.LATE_SECONDS", 0.2)
    monkeypatch.setattr("resnet_repro.training.meeting.MEETING_SECONDS", 0.5)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"MASTER_ADDR": None, "MASTER_PORT": None}, "MASTER_ADDR and MASTER_PORT should be set too"),
        ({"MASTER_PORT": None}, "MASTER_PORT should be set too"),
        ({"MASTER_ADDR": ""}, "MASTER_ADDR should be set too"),
        ({"RANK": ""}, "is no rank of several"),
        ({"RANK": "2"}, "is no rank of several"),
        ({"RANK": "-1"}, "is no rank of several"),
        ({"LOCAL_RANK": "x"}, "is no rank of several"),
        ({"LOCAL_RANK": "2"}, "is no rank of several"),
        ({"WORLD_SIZE": "0"}, "is no rank of several"),
        ({"MASTER_PORT": "99999"}, "is no rank of several"),
        ({"MASTER_PORT": "http"}, "is no rank of several"),
    ],
)
def test_variables_that_torchrun_left_over_are_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None], reason: str
) -> None:
    for name, value in {**VARIABLES, **changed}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(RunError) as refused:
        read_seat()
    assert str(refused.value).startswith("RANK=")
    assert reason in str(refused.value)
    assert str(refused.value).endswith(UNSET)


@pytest.mark.parametrize("option", ["--dry-run", "--restart"])
def test_train_names_the_variables_that_torchrun_left_over(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    for name in RANK_VARIABLES:
        monkeypatch.setenv(name, VARIABLES[name])
    refused = cli("train", tiny, "--device", "cpu", "--results", tiny.parent / "r", option)
    assert_mistake_named(refused, 1, "error: RANK=0, LOCAL_RANK=0, WORLD_SIZE=2: MASTER_ADDR and MASTER_PORT should be")
    assert not (tiny.parent / "r").exists()


@pytest.mark.parametrize("names", [("RANK", "WORLD_SIZE"), ("LOCAL_RANK",), ()])
def test_variables_of_other_launchers_leave_a_process_alone(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    for name in names:
        monkeypatch.setenv(name, VARIABLES[name])
    assert read_seat() is None


@pytest.mark.parametrize(("rank", "other"), [(0, "ranks 1, 2"), (1, "rank 0")])
def test_a_rank_whose_others_do_not_come_says_whom_it_waits_for_and_ends(
    caplog: pytest.LogCaptureFixture, port: int, rank: int, other: str
) -> None:
    began = time.monotonic()
    with pytest.raises(RunError, match=rf"rank {rank} of 3 at 127.0.0.1:{port} .*: {other} did not come within"):
        meet(Seat(rank, rank, 3, "127.0.0.1", port))
    assert time.monotonic() - began < 30
    assert f"for {other}; start all ranks with torchrun, {UNSET}" in caplog.text
    assert len(caplog.messages) == 1


def test_a_port_that_another_program_has_is_one_line(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(RunError, match=r"the ranks cannot meet \(") as refused,
    ):
        meet(Seat(0, 0, 2, "127.0.0.1", port))
    assert "\n" not in str(refused.value)


def test_ranks_that_come_at_different_times_meet(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr("resnet_repro.training.meeting.MEETING_SECONDS", 60.0)
    with ThreadPoolExecutor() as together:
        stores = list(together.map(meet, [Seat(rank, rank, 3, "127.0.0.1", port) for rank in (2, 0, 1)]))
    stores[0].set("key", "value")
    assert stores[2].get("key") == b"value"


def test_ranks_that_came_before_a_restart_are_waited_for_again(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")  # torchrun's store stays when it starts the ranks again
    agent = TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    with ThreadPoolExecutor() as together:
        list(together.map(meet, [Seat(rank, rank, 2, "127.0.0.1", port) for rank in (0, 1)]))
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    with pytest.raises(RunError, match=r"rank 0 of 2 .*: rank 1 did not come within"):
        meet(Seat(0, 0, 2, "127.0.0.1", port))
    assert agent.num_keys() > 0
