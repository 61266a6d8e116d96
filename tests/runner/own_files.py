"""Files of a user's own for --import, specs that name what they add, and the commands that only read results."""

from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named

REZERO = REPOSITORY / "docs/examples/rezero.py"
READERS = (["list"], ["table"], ["table", "--json"], ["table", "--published"], ["claims"], ["report"],
           ["plot", "--format", "svg"])  # fmt: skip
EVERYTHING = """
import math
import numpy as np
import torch
from torch import Tensor, nn
from resnet_repro.data import CLASSES, DATASETS, Dataset, Split, content_digest
from resnet_repro.models import (ACTIVATIONS, BLOCKS, CLASSIFIER_INITIALIZATIONS, INITIALIZATIONS, SHORTCUTS, UNITS,
                                 Block, Shortcut, UnitOrder)
from resnet_repro.probes import PROBES, Point

print("is shown on stderr")

class Noisy(Shortcut):
    def __init__(self, h: nn.Module, scale: float) -> None:
        super().__init__(h)
        self.scale = nn.Parameter(scale * torch.randn(3))

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x), self.scale.sum() * residual

def noise(data_dir, train_images, test_images):
    random = np.random.default_rng(0)
    train, test = (Split(random.integers(0, 256, (count, 32, 32, 3), np.uint8), random.integers(0, 10, count))
                   for count in (train_images, test_images))
    return Dataset("noise", exact=False, digest=content_digest(train), train=train, test=test)

def means(net, probes):
    return [Point("stem", net.stem, lambda x, output: {"mean": output.float().mean()})]

SHORTCUTS["noisy"] = lambda model, h, gate: Noisy(h, model.branch_scale or 1.0)
UNITS["no_last_relu"] = UnitOrder(layer="conv bn act", last="conv bn", after="")
BLOCKS["triple"] = Block(kernels=(3, 3, 3), expansion=1)
ACTIVATIONS["swish"] = nn.SiLU
INITIALIZATIONS["lecun"] = lambda fan_in, fan_out, model: math.sqrt(1 / fan_in)
CLASSIFIER_INITIALIZATIONS["tiny"] = lambda fan_in, model: 1e-3
DATASETS["noise"] = noise
CLASSES["noise"] = tuple("0123456789")
PROBES["means"] = means
"""
SPEC = """\
model: {depth: 11, width: 2, shortcut: noisy, branch_scale: 0.5, unit: no_last_relu, block: triple, activation: swish,
        initialization: lecun, classifier_initialization: tiny}
data: {dataset: noise, train_images: 64, test_images: 32}
training: {steps: 4, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, clean_images: 16, precision: fp32}
probes: {measure: [means, input_percentiles, dead_units, gradient_norm], images: 16}
"""
REZERO_SPEC = """\
model: {depth: 8, width: 2, shortcut: rezero}
data: {dataset: synthetic, train_images: 64, test_images: 32}
training: {steps: 4, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, clean_images: 16, precision: fp32}
"""
NOT_RUN = "raise SystemExit('a stranger\\'s file was run')\n"


def refused(cli: Cli, *command: object) -> str:
    """The one line of a command that ends with 1."""
    outcome = cli(*command)
    assert_mistake_named(outcome, 1, "error: ")
    return outcome.err
