"""`describe --compare` with torchvision's nets, and the errors of `describe`, each of one line."""

import json
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli

RESNET20 = REPOSITORY / "experiments/resnet20.yaml"


def cells(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_a_net_is_compared_with_published_nets(cli: Cli) -> None:
    shown = cli("describe", RESNET20, "--compare", "vgg19,resnet34")
    assert (shown.code, shown.err) == (0, "")
    lines = cells(shown.out)
    assert lines[0] == ["Parameters, and how many of them are in fully-connected layers"]
    assert lines[1] == ["net", "image", "layers", "parameters", "fully connected", "share", "multiply-adds (10^6)"]
    assert lines[-3:] == [
        ["resnet20", "3x32x32", "20", "269,722", "650", "0.2%", "41"],
        ["vgg19", "3x224x224", "19", "143,667,240", "123,642,856", "86.1%", "19,632"],
        ["resnet34", "3x224x224", "34", "21,797,672", "513,000", "2.4%", "3,664"],
    ]


def test_published_nets_are_compared_without_a_spec(cli: Cli) -> None:
    nets = json.loads(cli("describe", "--compare", "squeezenet1_1,resnet34", "--json").out)
    assert [(net["name"], net["parameters"], net["fully_connected_parameters"]) for net in nets] == [
        ("squeezenet1_1", 1_235_496, 0), ("resnet34", 21_797_672, 513_000),
    ]  # fmt: skip
    assert not any("forward_ms" in net for net in nets)


@pytest.mark.parametrize("specs", [[], [RESNET20]])
def test_a_forward_pass_is_timed(cli: Cli, specs: list[Path]) -> None:
    arguments = ["describe", *specs, "--compare", "squeezenet1_1", "--time", "--device", "cpu"]
    nets = json.loads(cli(*arguments, "--json").out)
    assert len(nets) == 1 + len(specs)
    assert all(0 < net["forward_ms"] < 60_000 for net in nets)


def test_a_table_of_times_names_device_and_method(cli: Cli) -> None:
    shown = cli("describe", "--compare", "squeezenet1_1", "--time", "--device", "cpu")
    assert shown.code == 0
    title, columns, *_, last = cells(shown.out)
    assert re.search(r"; one image in fp32 on CPU \(.*1 thread\), median of 5$", title[0])
    assert columns[-1] == "forward pass (ms)"
    assert float(last[-1].replace(",", "")) > 0


def test_a_net_that_computes_on_tensors_when_built_is_described_or_refused_in_one_line(cli: Cli) -> None:
    outcome = cli("describe", "--compare", "regnet_y_400mf")
    if outcome.code == 0:
        assert "4,344,144" in outcome.out
    else:
        assert outcome.err.startswith("error: --compare regnet_y_400mf: ")
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        ((), 2, "name a spec, or nets of torchvision with --compare"),
        (("--diff",), 2, "name a spec"),
        (("tiny.yaml", "--diff"), 2, "--diff takes two specs"),
        (("tiny.yaml", "tiny.yaml", "tiny.yaml", "--diff"), 2, "--diff takes two specs"),
        (("tiny.yaml", "tiny.yaml", "--diff", "--compare", "vgg19"), 2, "--diff takes two specs, and not --compare"),
        (("tiny.yaml", "--time"), 2, "--time needs --compare"),
        (("--compare",), 2, "requires an argument"),
        (("--compare", "resnet43"), 1, "--compare resnet43: torchvision has no such net; did you mean resnet34"),
        (("tiny.yaml", "--compare", "vgg19,nothing"), 1, "--compare nothing: torchvision has no such net"),
        (("--compare", "vit_b_16"), 1, "--compare vit_b_16: has attention layers; only convolutional nets can be"),
        (("--compare", "squeezenet1_1", "--time", "--device", "abacus"), 1, "--device abacus: is not a device"),
        (("tiny.yaml", "nowhere.yaml"), 1, "nowhere.yaml: there is no such file"),
        (("tiny.yaml", "--set", "model.depth=9"), 1, "model.depth: 9 is not 6n+2"),
        ((".", "--diff"), 2, "--diff takes two specs, not 1"),
    ],
)
def test_wrong_use_gives_one_clear_line(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, fragment: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    outcome = cli("describe", *arguments)
    assert outcome.code == code
    assert fragment in " ".join(outcome.err.replace("│", " ").split())
    assert outcome.out == ""
    if code == 1:
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1
