"""Runs on a cluster, without Ray: options, shares of nodes, refusals, checks of a node, the lease of a dead one."""

import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from conftest import Cli, make_run

import resnet_repro
from resnet_repro.cli.values import parse_on
from resnet_repro.errors import RunError
from resnet_repro.launch import cluster
from resnet_repro.launch.cluster import ANY, connected
from resnet_repro.launch.node import Mailbox, check_here, train_here, versions
from resnet_repro.launch.nodes import Node, Share, choose_device, dead_hosts, live_nodes, share_of, slots_of
from resnet_repro.launch.slots import say_slots
from resnet_repro.launch.tasks import find_tasks
from resnet_repro.record.lease import Lease, forget_dead
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.environment import repeatable
from resnet_repro.runner.options import Jobs, TrainOptions
from resnet_repro.spec.file import load_spec
from resnet_repro.training.distributed import Ranks

SMALL, LARGE, GPUS = Node("1", "small", 4.0, 0.0), Node("2", "large", 10.0, 0.0), Node("3", "gpus", 16.0, 2.0)


def listed(host: str, number: int, alive: bool = True, **resources: float) -> dict[str, Any]:
    """A node as Ray lists it."""
    return {"NodeID": f"{number:06}ab", "NodeManagerHostname": host, "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("text", "address"), [("ray", "auto"), ("ray=node-1:6379", "node-1:6379"), ("ray=[fe80::1]:1", "[fe80::1]:1")]
)
def test_on_names_a_cluster_or_finds_it(text: str, address: str) -> None:
    assert parse_on(text) == address


@pytest.mark.parametrize(
    "text", ["", "Ray", "ray=", "ray=host", "ray=host:0", "ray=host:70000", "ray=ray://a:1", "dask"]
)
def test_another_cluster_is_wrong_usage(text: str) -> None:
    with pytest.raises(ValueError, match="should be ray, or ray=HOST:PORT"):
        parse_on(text)


def test_the_cluster_is_not_part_of_the_command_that_repeats_a_run() -> None:
    assert repeatable(["train", "a.yaml", "--on", "ray", "--on=ray=h:1", "--seed", "2"]) == [
        "train",
        "a.yaml",
        "--seed",
        "2",
    ]


def test_nodes_are_named_after_their_hosts_and_told_apart() -> None:
    nodes = [listed("a", 1, CPU=2.0), listed("b", 2, CPU=1.0, GPU=1.0), listed("b", 3), listed("c", 4, alive=False)]
    assert [(node.name, node.cpus, node.gpus) for node in live_nodes(nodes)] == [
        ("a", 2.0, 0.0),
        ("b-000002", 1.0, 1.0),
        ("b-000003", 0.0, 0.0),
    ]


def test_a_host_is_dead_if_all_its_nodes_are() -> None:
    assert dead_hosts([listed("a", 1), listed("a", 2, alive=False), listed("b", 3, alive=False)]) == {"b"}


@pytest.mark.parametrize(
    ("jobs", "nodes", "device", "share"),
    [
        (1, [SMALL, LARGE], "auto", Share("cpu", 4, 4.0)),
        (2, [SMALL, LARGE], "cpu", Share("cpu", 2, 2.0)),
        (3, [SMALL], "auto", Share("cpu", 1, 1.0)),
        (8, [SMALL], "auto", Share("cpu", 1, 0.5)),
        ("auto", [SMALL, LARGE], "auto", Share("cpu", 1, 1.0)),
        ("auto", [], "auto", Share("cpu", 1, 1.0)),
        ("auto", [SMALL, GPUS], "auto", Share("cuda", 1, 1.0, 1.0)),
        (2, [SMALL, GPUS], "cuda", Share("cuda", 1, 1.0, 0.5)),
        (2, [GPUS], "cpu", Share("cpu", 8, 8.0)),
    ],
)
def test_jobs_mean_on_each_node_what_they_mean_on_one_machine(
    jobs: Jobs, nodes: list[Node], device: str, share: Share
) -> None:
    assert share_of(nodes, jobs, device) == share


@pytest.mark.parametrize(
    ("nodes", "share", "runs", "words"),
    [
        (
            [SMALL, LARGE],
            Share("cpu", 4, 4.0),
            9,
            "3 side by side (1 on small/cpu, 2 on large/cpu), 4 CPU threads each",
        ),
        (
            [SMALL, LARGE],
            Share("cpu", 4, 4.0),
            2,
            "2 side by side (1 on small/cpu, 1 on large/cpu), 4 CPU threads each",
        ),
        ([SMALL], Share("cpu", 1, 0.5), 99, "8 side by side (8 on small/cpu), 1 CPU thread each"),
        ([SMALL, GPUS], Share("cuda", 1, 1.0, 1 / 3), 99, "6 side by side (6 on gpus/cuda), 1 CPU thread each"),
        ([Node("4", "head", 0.0, 0.0)], Share("cpu", 1, 1.0), 9, "one after another on a node/cpu, 1 CPU thread each"),
    ],
)
def test_the_places_of_a_cluster_are_those_that_ray_would_give(
    nodes: list[Node], share: Share, runs: int, words: str
) -> None:
    assert say_slots(slots_of(nodes, share, runs)) == words


@pytest.mark.parametrize(
    ("nodes", "jobs", "device", "message"),
    [
        ([SMALL], 1, "cuda", "--device cuda: the nodes of the cluster have no GPUs that Ray knows; see `ray status`"),
        (
            [GPUS],
            1,
            "cuda:1",
            "--device cuda:1: with --on ray, Ray chooses the GPU of a run; ask for auto, cpu or cuda",
        ),
        ([SMALL], 1, "mps", "--device mps: with --on ray, Ray chooses the GPU of a run; ask for auto, cpu or cuda"),
        ([], 2, "auto", "--jobs 2: the cluster has no CPUs now to be divided; choose --jobs auto, or start nodes"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(nodes: list[Node], jobs: Jobs, device: str, message: str) -> None:
    with pytest.raises(RunError, match=re.escape(message)):
        share_of(nodes, jobs, device)
    assert choose_device([GPUS], "auto") == "cuda"


@pytest.mark.parametrize(
    ("address", "named", "message"),
    [
        (ANY, "ray://head:10001", "--on ray: ray://head:10001: Ray clients are not supported"),
        (ANY, "local", "RAY_ADDRESS=local: --on ray uses a cluster that runs already"),
        (ANY, "", "--on ray: Ray is not installed; pip install 'resnet-repro[cluster]'"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch, address: str, named: str, message: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", named)
    monkeypatch.setitem(sys.modules, "ray", None)  # an import fails
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_UV_RUN_RUNTIME_ENV", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(RunError, match=re.escape(message)), connected(address):
        pass


class AuthenticationError(Exception): ...


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (ANY, ConnectionError("x"), "--on ray: no Ray is running here; start Ray on this machine ('ray start --head')"),
        (ANY, ValueError("x"), "--on ray: cannot connect to the cluster (ValueError: x); start Ray on this machine"),
        (ANY, AuthenticationError("x"), "--on ray: the cluster asks for a token, and there is none, or another one"),
        ("127.0.0.1:1", ConnectionError("x"), "--on ray: 127.0.0.1:1 answers, but does not let this command in; if it"),
    ],
)
def test_why_ray_does_not_connect_is_one_line_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, address: str, error: Exception, message: str
) -> None:
    def init(**options: object) -> None:
        raise error

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(cluster, "import_ray", lambda: SimpleNamespace(init=init))
    monkeypatch.setattr(cluster, "_check_reachable", lambda address: None)
    with pytest.raises(RunError, match=re.escape(message)), connected(address):
        pass


def test_an_address_at_which_nothing_answers_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "import_ray", lambda: None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(RunError, match=f"--on ray: nothing answers at {address} "), connected(address):
            pass


def test_without_ray_the_command_says_how_to_install_it(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for more in ((), ("--dry-run",)):
        outcome = cli("train", tiny, "--results", tmp_path / "r", "--on", "ray", *more)
        assert outcome.code == 1
        assert outcome.err == "error: --on ray: Ray is not installed; pip install 'resnet-repro[cluster]'\n"
    assert not (tmp_path / "r").exists()


def test_ranks_and_a_cluster_exclude_each_other(tiny: Path, tmp_path: Path) -> None:
    options = TrainOptions(tmp_path, tmp_path, ranks=Ranks(0, 2), cluster=ANY)
    with pytest.raises(RunError, match="--on ray: torchrun's ranks train one run together"):
        find_tasks([load_spec(tiny)], options)


def test_the_mailbox_says_how_often_a_run_has_begun_and_whether_it_trained() -> None:
    mailbox = Mailbox()
    assert mailbox.begin("a", b"1") == (1, False)
    assert mailbox.begin("a", b"2") == (2, False)
    mailbox.put("a", b"3", True)
    assert mailbox.begin("a", b"4") == (3, True)
    assert mailbox.begin("b", b"5") == (1, False)
    assert mailbox.take() == [("a", b"1"), ("a", b"2"), ("a", b"3"), ("a", b"4"), ("b", b"5")]
    assert mailbox.take() == []


def test_a_run_that_begins_after_a_stop_does_not_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = SimpleNamespace(get_node_id=lambda: "ab")
    ray = SimpleNamespace(get=lambda reference: reference, get_runtime_context=lambda: here)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    mailbox = Mailbox()
    mailbox.close()
    remote = SimpleNamespace(begin=SimpleNamespace(remote=mailbox.begin))
    experiment = make_run().experiment
    assert train_here("a", 1, versions(), [(experiment, TrainOptions(tmp_path, tmp_path), tmp_path)], remote) == ""
    assert mailbox.take() == []
    assert list(tmp_path.iterdir()) == []


def test_a_node_of_other_versions_says_which(tmp_path: Path) -> None:
    expected = versions() | {"resnet-repro": "9.9", "Python": "3.99"}
    (fault,) = check_here(expected, "", "", [])
    own = ".".join(map(str, sys.version_info[:2]))
    assert fault == (
        f"has resnet-repro {resnet_repro.__version__} instead of 9.9, Python {own} instead of 3.99; "
        "install the same versions on all nodes"
    )
    assert expected["torch"] == str(torch.__version__)


def test_a_node_answers_in_the_results_folder_and_names_other_data(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference))
    data = load_spec(tiny).data
    missing = data.model_copy(update={"dataset": "cifar10"})
    digest = Datasets(tmp_path).load(data).digest
    (tmp_path / "question").write_text("secret")
    question, answer = str(tmp_path / "question"), tmp_path / "answer"

    def asked(wanted: list[tuple[Any, str]], question: str = question) -> list[str]:
        return check_here(versions(), question, str(answer), [(tmp_path, wanted, ())])

    assert asked([(data, digest)]) == []
    assert answer.read_text() == "secret"
    assert asked([(data, "another")]) == [
        f"{tmp_path}: holds other images of synthetic than on this machine; "
        "copy them, or put --data-dir on a file system that all nodes share"
    ]
    found = asked([(missing, digest)], str(tmp_path / "no/question"))
    assert found[0].startswith(f"cannot use the results folder of this machine, {tmp_path / 'no'} (No such file")
    assert "there is no CIFAR-10 here" in found[1]


def test_the_lease_of_a_dead_host_is_forgotten_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "holder.lock"
    held = Lease(file)
    text = file.read_text()
    held.release()
    for host, dead, remains in (
        ("node7", {"node8"}, True),
        ("node7", {"node7"}, False),
        ("node7?pidns-f0000123", {"node7"}, False),
        ("my?20node", {"my node"}, False),
    ):
        file.write_text(re.sub("(?m)^host=.*$", f"host={host}", text))
        forget_dead(file, dead)
        assert file.exists() == remains, host
        file.unlink(missing_ok=True)
    forget_dead(file, {"node7"})
    file.write_text(re.sub("(?m)^host=.*$", "host=node7", text))
    with patch("resnet_repro.record.lease.is_locked", return_value=True):
        forget_dead(file, {"node7"})
    assert file.exists()
