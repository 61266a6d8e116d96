"""What the papers trained, measured and claim, as data; nothing here depends on runs. `sources.py` lists the papers."""

from resnet_repro.papers.claims import CLAIMS, Check, Claim, Scope
from resnet_repro.papers.nets import NETS, Recipe
from resnet_repro.papers.numbers import FAIL_PCT, NUMBERS, Number, final_error, find_number
from resnet_repro.papers.sources import PAPERS

__all__ = [
    "CLAIMS", "FAIL_PCT", "NETS", "NUMBERS", "PAPERS", "Check", "Claim", "Number", "Recipe", "Scope", "final_error",
    "find_number",
]  # fmt: skip
