"""Judges the papers' claims by runs. Needs no torch."""

from resnet_repro.claims.judging import judge
from resnet_repro.claims.verdict import OUTCOMES, Evidence, Outcome, Ruling, Verdict

__all__ = ["OUTCOMES", "Evidence", "Outcome", "Ruling", "Verdict", "judge"]
