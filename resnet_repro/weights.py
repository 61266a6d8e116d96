"""Final weights from a file that may come from anyone: checked name by name, and never a program."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from resnet_repro.errors import RunError
from resnet_repro.files import explained

REMEDY = "train the run again with --restart, or restore the file"
LARGEST_WEIGHTS = 10_000_000_000  # bytes


def load_weights(net: nn.Module, path: Path) -> None:
    """Give `net` the weights in `path`. Raises RunError unless they are those of such a net, whole and finite."""
    if not path.is_file():
        raise RunError(f"{path}: there are no weights, which are not kept with committed runs; {REMEDY}")
    if path.stat().st_size > LARGEST_WEIGHTS:
        raise RunError(f"{path}: is too large for the weights of a net; {REMEDY}")
    try:
        with explained(path):
            found = load(path.read_bytes())
    except SafetensorError:
        raise RunError(f"{path}: is damaged, or no safetensors file; {REMEDY}") from None
    wanted = net.state_dict()
    if differing := sorted(found.keys() ^ wanted.keys()):
        raise RunError(f"{path}: is of another net: it differs in {differing[0]}; {REMEDY}")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            here, there = (f"{tuple(t.shape)} {t.dtype}" for t in (tensor, wanted[name]))
            raise RunError(f"{path}: is of another net: {name} is {here}, not {there}; {REMEDY}")
        if not torch.isfinite(tensor).all():
            raise RunError(f"{path}: {name} holds a value that is not finite; {REMEDY}")
    net.load_state_dict(found)
