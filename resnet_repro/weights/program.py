"""Exports a net with its preprocessing and weights as one program file, which torch runs without this package."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn

from resnet_repro.data.batches import SIZE, Normalization
from resnet_repro.errors import RunError

NAMESPACES = {"aten", "prims", "higher_order"}  # of operations that torch has


class FromBytes(nn.Module):
    """A net with its preprocessing: (N, 3, 32, 32) uint8 images, 0 to 255 -> (N, 10) float32 logits."""

    mean: Tensor

    def __init__(self, net: nn.Module, normalization: Normalization) -> None:
        super().__init__()
        self.register_buffer("mean", normalization.mean.permute(2, 0, 1).contiguous())  # (3, 32, 32)
        self.scale = normalization.scale
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net((images.float() - self.mean) * self.scale)


def exported(net: FromBytes) -> bytes:
    """The bytes of a file for `torch.export.load`: fp32, in evaluation mode, for any number of images.

    Puts the net into evaluation mode and freezes its parameters. Raises RunError if a file of the user's own has in it
    what torch alone cannot run.
    """
    example = torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8)
    any_number = torch.export.Dim("images", min=1)
    net.eval().requires_grad_(False)
    try:
        with _quiet():
            program = torch.export.export(net, (example,), dynamic_shapes=({0: any_number},))
    except Exception as error:  # of many kinds; what the package itself has can be exported
        reason = f"{type(error).__name__}: {str(error).partition('.')[0]}"
        raise RunError(
            f"export: torch.export cannot follow this net, which has something of your own ({reason}); "
            "compute with torch's operations, without branches on values or on the number of images"
        ) from None
    for node in program.graph.nodes:
        if (target := node.target) and getattr(target, "namespace", "aten") not in NAMESPACES:
            raise RunError(
                f"export: the net uses {target}, an operation that torch lacks without your file; use torch's own"
            )
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what torch.export prints and logs before it fails; the error says it."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
