"""Training steps and evaluation of a net, on one device in one precision."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.training.casting import CastNet
from resnet_repro.training.device import native_precisions
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.rounding import RoundedProducts
from resnet_repro.training.sgd import SGD, Group
from resnet_repro.training.streams import LAUNCHING

Kernels = Literal["torch", "fused"]


class BatchMetrics(NamedTuple):
    """Loss and errors of a mini-batch, still on the device: only the caller decides when the host reads them."""

    loss: Tensor  # () float32, mean cross-entropy over the mini-batch
    errors: Tensor  # () float32, the number of misclassified images


COMPUTED_IN = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """A net and its optimiser: forward pass, backward pass and update, launched operation by operation ("eager").

    Weights, gradients and updates are fp32. In "bf16" and "fp16", convolutions and matrix products run in that type, or
    on a CPU that lacks it, in fp32 with rounded results ("rounded").
    fp16 has a narrow range, so its loss is scaled up (Micikevicius et al. 2018, section 3.2), and a step whose
    gradients overflow changes no weight. Batches and weights are channels_last, the fastest order for convolutions.
    With `decay_vectors`, weight decay acts on BN, biases and scalars too. Each of several ranks trains on an equal
    share of every mini-batch, so the mean over the ranks is the mean over the mini-batch.

    A step reads nothing on the host, and `restore` keeps every tensor at its place in memory: a captured step needs
    both.
    """

    def __init__(
        self,
        net: nn.Module,
        device: torch.device,
        precision: str,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        decay_vectors: bool = True,
        ranks: Ranks = ALONE,
    ) -> None:
        self.rounds = device.type == "cpu" and precision not in native_precisions(device)
        self.name = ", ".join(["eager"] + [f"{ranks.count} ranks"] * (ranks.count > 1) + ["rounded"] * self.rounds)
        self.kernels: Kernels = "torch"  # which kernels compute BN in training
        self.ranks = ranks
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.device = device
        self.precision = precision
        torch.backends.cudnn.allow_tf32 = False  # otherwise cuDNN rounds the inputs of fp32 convolutions
        parallel = ranks.parallel(self.net)
        self.training_net = parallel if precision == "fp32" else CastNet(parallel, COMPUTED_IN[precision])
        self.statistics = [buffer for buffer in self.net.buffers() if buffer.is_floating_point()]  # of BN's population
        groups = _decay_groups(net, weight_decay, decay_vectors)
        self.optimizer = SGD(groups, momentum, nesterov, fused=device.type in ("cpu", "cuda"))
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def train_step(self, images: Tensor, labels: Tensor, learning_rate: float | Tensor) -> BatchMetrics:
        """Train on images (B, 3, 32, 32) with labels (B,), this rank's share. On CUDA the rate may be a () tensor."""
        with LAUNCHING, self._arithmetic():
            return self._launch_step(images, labels, learning_rate)

    def _launch_step(self, images: Tensor, labels: Tensor, learning_rate: float | Tensor) -> BatchMetrics:
        self._set_training(True)
        outcome = self._forward(self.training_net, images, labels)
        self.optimizer.zero_grad()
        self.scaler.scale(outcome.loss).backward()
        self.scaler.unscale_(self.optimizer)  # type: ignore[arg-type]  # now, as probes read the gradients
        self.scaler.step(self.optimizer, learning_rate)  # type: ignore[arg-type]
        self.scaler.update()
        self.ranks.average(self.statistics)  # as if one process had seen all shares
        return self._over_ranks(BatchMetrics(outcome.loss.detach(), outcome.errors))

    @torch.no_grad()
    def evaluate(self, images: Tensor, labels: Tensor) -> BatchMetrics:
        """Loss and errors of images (B, 3, 32, 32) with labels (B,); BN uses its population statistics."""
        with LAUNCHING, self._arithmetic():
            self._set_training(False)
            return self._forward(self.net, images, labels)

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, as live tensors: weights, statistics, momentum, loss scale."""
        buffers = self.optimizer.momentum_buffers
        momentum = [buffers[parameter] for parameter in self.net.parameters() if buffers]
        return {"net": self.net.state_dict(), "momentum": momentum, "scaler": self.scaler.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Copy what `state` returned, here or in another process, into this engine's tensors."""
        self.net.load_state_dict(state["net"])
        for held, saved in zip(self.state()["momentum"], state["momentum"], strict=True):
            held.copy_(saved)
        self.scaler.load_state_dict(state["scaler"])

    def _arithmetic(self) -> AbstractContextManager[object]:
        return RoundedProducts() if self.rounds else nullcontext()

    def _set_training(self, training: bool) -> None:
        if self.net.training != training:  # setting it on every module takes time
            self.net.train(training)

    def _over_ranks(self, outcome: BatchMetrics) -> BatchMetrics:
        if self.ranks.count == 1:
            return outcome
        loss, errors = self.ranks.sum(torch.stack([outcome.loss, outcome.errors]))
        return BatchMetrics(loss / self.ranks.count, errors)

    def _forward(self, net: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> BatchMetrics:
        dtype = COMPUTED_IN[self.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False):
            outputs = net(images)
        loss = F.cross_entropy(outputs.float(), labels)
        return BatchMetrics(loss, (outputs.argmax(dim=1) != labels).sum(dtype=torch.float32))


def _decay_groups(net: nn.Module, weight_decay: float, decay_vectors: bool) -> list[Group]:
    """All parameters in one group; or matrices and kernels in one, and vectors, without weight decay, in another."""
    if decay_vectors:
        return [{"params": list(net.parameters()), "weight_decay": weight_decay}]
    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.dim() <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
