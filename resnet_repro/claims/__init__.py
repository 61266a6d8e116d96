"""From runs to verdicts on the papers' claims. Reads run folders; never imports torch."""

from resnet_repro.claims.judging import judge
from resnet_repro.claims.verdict import Evidence, Outcome, Ruling, Verdict

__all__ = ["Evidence", "Outcome", "Ruling", "Verdict", "judge"]
