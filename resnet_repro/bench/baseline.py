"""The baseline of the benchmark: training as most public CIFAR-10 scripts do it.

Eager fp32 in torch's default memory order, PIL images through torchvision's transforms in two worker processes, SGD
with default options, and loss and accuracy read on the host at every step.
"""

import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils import data

from resnet_repro.data.dataset import Split
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.runner.assembly import build_net
from resnet_repro.spec import Experiment
from resnet_repro.training.timing import Step

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # the values in most such scripts
WORKERS = 2  # also on a single core, as in such scripts


class PilImages(data.Dataset[tuple[Tensor, int]]):
    """A split in the form of torchvision's CIFAR10: PIL images, transformed one by one."""

    def __init__(self, split: Split, augmented: bool) -> None:
        transforms = import_torchvision().transforms
        augmentation = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()] if augmented else []
        self.images, self.labels = split.images, split.labels
        self.transform = transforms.Compose([*augmentation, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


@contextmanager
def _as_many_workers_as_asked() -> Iterator[None]:
    """Without torch's advice to take as many as there are cores."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")
        yield


class Baseline:
    """Our net with our initial weights and the spec's batch size, learning rate, momentum and weight decay."""

    def __init__(self, experiment: Experiment, split: Split, device: torch.device) -> None:
        training = experiment.training
        self.device = device
        self.net = build_net(experiment).to(device).train()
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(
            self.net.parameters(),
            lr=training.learning_rate,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        with _as_many_workers_as_asked():
            self.loader = data.DataLoader(
                PilImages(split, experiment.data.augmentation == "crop_flip"),
                training.batch_size,
                shuffle=True,
                num_workers=WORKERS,
                pin_memory=device.type == "cuda",
                drop_last=True,  # so that each step has the same work
            )
        self.loss = self.accuracy = 0.0  # of the last step

    @contextmanager
    def turn(self) -> Iterator[Step]:
        """Yield the training step. The worker processes exist only inside, so that they slow no other contender.

        As in such scripts, cuDNN may choose its algorithms by trial and round to TF32.
        """
        with (
            _as_many_workers_as_asked(),
            closing(self._batches()) as batches,
            torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True),
        ):
            yield lambda: self._step(*next(batches))

    def _batches(self) -> Generator[Any, None, None]:
        """Batches without end. Closing this generator releases the loader's iterator and so ends its workers."""
        while True:
            yield from self.loader

    def _step(self, inputs: Tensor, targets: Tensor) -> None:
        inputs, targets = inputs.to(self.device), targets.to(self.device)
        self.optimizer.zero_grad()
        outputs = self.net(inputs)
        loss = self.criterion(outputs, targets)
        loss.backward()
        self.optimizer.step()
        self.loss = loss.item()
        self.accuracy = outputs.argmax(dim=1).eq(targets).sum().item() / len(targets)
