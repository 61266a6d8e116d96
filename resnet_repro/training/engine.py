"""One optimisation step, and one forward pass for evaluation, on one device in one precision."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.training.casting import CastNet
from resnet_repro.training.distributed import ALONE, Ranks

Kernels = Literal["torch", "fused"]


class BatchMetrics(NamedTuple):
    """What a mini-batch gave, still on the device: reading it on the host is the caller's choice."""

    loss: Tensor  # () float32, mean cross-entropy over the mini-batch
    errors: Tensor  # () float32, how many images have another largest output than their class


COMPUTED_IN = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """Forward, backward and update, launched operation by operation: "eager".

    Weights, gradients and updates are fp32; under "bf16" and "fp16" convolutions and matrix products run in that type.
    The narrow range of fp16 needs its loss scaled up (Micikevicius et al. 2018, section 3.2), and a step whose
    gradients overflow changes no weight. Batches and weights are channels_last, which convolutions run fastest in.
    `decay_vectors` has weight decay act on BN, biases and scalars too. Of several ranks, each has its share of every
    mini-batch; shares are equal, so the mean over the ranks is the mean over the mini-batch.

    What is held stays where it is in memory, whatever is restored, as a captured step needs it. A step reads
    nothing on the host.
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
        self.name = "eager" if ranks.count == 1 else f"eager, {ranks.count} ranks"
        self.kernels: Kernels = "torch"  # what computes BN in training
        self.ranks = ranks
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.device = device
        self.precision = precision
        if precision == "fp32":  # otherwise cuDNN rounds the inputs of convolutions to TF32
            torch.backends.cudnn.allow_tf32 = False
        parallel = ranks.parallel(self.net)
        self.training_net = parallel if precision == "fp32" else CastNet(parallel, COMPUTED_IN[precision])
        self.statistics = [buffer for buffer in self.net.buffers() if buffer.is_floating_point()]  # of BN's population
        self.optimizer = torch.optim.SGD(
            _decay_groups(net, weight_decay, decay_vectors),
            lr=0.0,  # every step brings its own
            momentum=momentum,
            nesterov=nesterov,
            fused=device.type in ("cpu", "cuda"),
        )
        for parameter in net.parameters() if momentum else ():
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def train_step(self, images: Tensor, labels: Tensor, learning_rate: float | Tensor) -> BatchMetrics:
        """images (B, 3, 32, 32), labels (B,), a rank's share; the rate is a number or, on CUDA, a () tensor."""
        self._set_training(True)
        outcome = self._forward(self.training_net, images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(outcome.loss).backward()
        self.scaler.unscale_(self.optimizer)  # at once, as probes read the gradients
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.ranks.average(self.statistics)  # as if one process had followed all of their parts
        return self._over_ranks(BatchMetrics(outcome.loss.detach(), outcome.errors))

    @torch.no_grad()
    def evaluate(self, images: Tensor, labels: Tensor) -> BatchMetrics:
        """images (B, 3, 32, 32), labels (B,); BN uses its population statistics"""
        self._set_training(False)
        return self._forward(self.net, images, labels)

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, as live tensors: weights, statistics, momentum, the loss's scale."""
        momentum = [state["momentum_buffer"] for state in self.optimizer.state.values()]
        return {"net": self.net.state_dict(), "momentum": momentum, "scaler": self.scaler.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, here or elsewhere."""
        self.net.load_state_dict(state["net"])
        for held, saved in zip(self.state()["momentum"], state["momentum"], strict=True):
            held.copy_(saved)
        self.scaler.load_state_dict(state["scaler"])

    def _set_training(self, training: bool) -> None:
        if self.net.training != training:  # walking every module takes time, so not at every step
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


def _decay_groups(net: nn.Module, weight_decay: float, decay_vectors: bool) -> list[dict[str, Any]]:
    """The parameters as one group, or matrices and kernels in one and vectors, which do not decay, in another."""
    if decay_vectors:
        return [{"params": list(net.parameters()), "weight_decay": weight_decay}]
    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.dim() <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
