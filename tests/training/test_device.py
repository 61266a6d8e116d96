"""The choice of device and precision, and the errors for devices that are not available."""

from collections.abc import Callable, Iterator

import pytest
import torch

from resnet_repro.errors import RunError
from resnet_repro.training.device import (
    device_name,
    make_deterministic,
    resolve_device,
    resolve_precision,
    tuned_convolutions,
)

CPU = torch.device("cpu")


@pytest.fixture
def only_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(("cuda", "mps", "kind"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, kind: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device("auto") == torch.device(kind)


def test_the_cpu_is_always_available(only_cpu: None) -> None:
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize("name", ["nonsense", "", "cuda:x", "cuda:-1", "cpu cuda", "cuda:99999999999"])
def test_an_unknown_device_name_is_refused(name: str) -> None:
    with pytest.raises(RunError) as failure:
        resolve_device(name)
    assert str(failure.value).startswith(f"--device {name}: is not a device; choose ")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1", "mps", "xpu", "meta"])
def test_a_device_that_is_not_available_is_refused(only_cpu: None, name: str) -> None:
    with pytest.raises(RunError) as failure:
        resolve_device(name)
    assert str(failure.value).startswith(f"--device {name}: is not available to this torch ({torch.__version__})")
    assert str(failure.value).endswith("available: cpu")


def test_a_cuda_device_past_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(RunError, match="--device cuda:2: there are 2 CUDA devices, counted from 0"):
        resolve_device("cuda:2")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., torch.device]:
    """A pretended CUDA device of a given capability, which emulates bf16 below 8.0."""

    def pretend(capability: tuple[int, int] = (9, 0)) -> torch.device:
        native = capability >= (8, 0)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA GPU")
        return torch.device("cuda")

    return pretend


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_requested_precision_is_used(precision: str, kind: str, gpu: Callable[..., torch.device]) -> None:
    gpu()
    assert resolve_precision(precision, torch.device(kind)) == precision


def test_a_precision_that_the_device_lacks_gives_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, gpu: Callable[..., torch.device]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "Old"}, raising=False)
    resolve_precision("bf16", CPU)
    resolve_precision("bf16", gpu((7, 5)))
    resolve_precision("fp16", gpu((6, 1)))
    assert caplog.messages == [
        "training.precision: bf16 is computed in fp32 and rounded on CPU (Old, 1 thread), which lacks it; auto is fp32",
        "training.precision: bf16 is slow on NVIDIA GPU, which lacks it; auto is fp16",
        "training.precision: fp16 is slow on NVIDIA GPU, which lacks it; auto is fp32",
    ]
    caplog.clear()
    for device in (CPU, gpu((7, 5)), torch.device("mps")):
        resolve_precision("auto", device)
        resolve_precision("fp32", device)
    resolve_precision("fp16", gpu((7, 5)))
    resolve_precision("bf16", gpu((8, 0)))
    assert caplog.messages == []


def test_auto_is_fp32_on_mps() -> None:
    assert resolve_precision("auto", torch.device("mps")) == "fp32"


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({}, "fp32"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512": True}, "fp32"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
    ],
)
def test_auto_is_bf16_on_a_cpu_that_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert resolve_precision("auto", CPU) == precision


def test_auto_is_fp32_if_torch_does_not_describe_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", CPU) == "fp32"
    assert device_name(CPU) == "CPU (unknown, 1 thread)"


@pytest.mark.parametrize(
    ("capability", "precision"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp16"), ((6, 1), "fp32")]
)
def test_auto_on_a_gpu_is_its_best_native_precision(
    capability: tuple[int, int], precision: str, gpu: Callable[..., torch.device]
) -> None:
    assert resolve_precision("auto", gpu(capability)) == precision


@pytest.fixture
def algorithms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restores torch's settings afterwards."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]  # a module's property
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.backends.cudnn.benchmark = before[1]
    torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]


def test_make_deterministic_does_not_make_torch_fill_new_memory(algorithms: None) -> None:
    make_deterministic()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]


@pytest.mark.parametrize("deterministic", [False, True])
def test_convolutions_are_tuned_only_inside_and_only_without_deterministic_algorithms(
    algorithms: None, deterministic: bool
) -> None:
    torch.use_deterministic_algorithms(deterministic)

    def fail() -> None:
        with tuned_convolutions():
            assert torch.backends.cudnn.benchmark is not deterministic
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not torch.backends.cudnn.benchmark
