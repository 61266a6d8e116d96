"""The one place that imports torchvision."""

from types import ModuleType

import torch


def import_torchvision() -> ModuleType:
    """torchvision, also where a build for CUDA sits beside a CPU build of torch.

    Such a pair fails on import because torchvision's compiled operators are absent ("operator torchvision::nms does
    not exist"). None of them is used here, so after that very failure their names are declared, and the import is
    tried once more.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _declare_operators()
        import torchvision
    return torchvision


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)


_libraries: list[torch.library.Library] = []  # a declaration lasts as long as its Library
