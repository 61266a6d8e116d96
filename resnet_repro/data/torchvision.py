"""Imports torchvision, also where its compiled operators do not fit torch. No other module imports it."""

from types import ModuleType

import torch


def import_torchvision() -> ModuleType:
    """torchvision, even if it is a CUDA build beside a CPU build of torch.

    The import of such a pair fails because torchvision's compiled operators are missing ("operator torchvision::nms
    does not exist"). We use none of them, so after exactly this failure we declare their names and import again.
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


_libraries: list[torch.library.Library] = []  # a declaration exists as long as its Library
