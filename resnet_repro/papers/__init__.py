"""What the papers trained, measured and claim, as data. Knows nothing of runs.

[R] He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385 (2015).
[I] The same, "Identity Mappings in Deep Residual Networks", arXiv 1603.05027 (2016).
[B] Ioffe, Szegedy, "Batch Normalization", arXiv 1502.03167 (2015).
"""

from resnet_repro.papers.claims import CLAIMS, Check, Claim, Scope
from resnet_repro.papers.nets import NETS, Recipe
from resnet_repro.papers.numbers import FAIL_PCT, NUMBERS, REPORTED, Number, final_error, find_number

__all__ = [
    "CLAIMS", "FAIL_PCT", "NETS", "NUMBERS", "REPORTED", "Check", "Claim", "Number", "Recipe", "Scope",
    "final_error", "find_number",
]  # fmt: skip
