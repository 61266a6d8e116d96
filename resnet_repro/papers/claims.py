"""The papers' claims as inequalities between measured values."""

import math
from itertools import pairwise
from typing import Literal, NamedTuple

from resnet_repro.papers.numbers import FAIL_PCT

Scope = Literal[
    "any",  # holds or fails whatever the schedule, such as a count of parameters
    "compare",  # a shorter schedule can tell, of itself: nets trained alike are compared
    "tenth",  # a tenth of the paper's schedule can tell, of itself
    "full",  # only the paper's schedule can tell: a value at its end
]

TEST, TRAIN, LOSS, RESPONSE = "test_error_pct", "train_error_pct", "train_loss", "median_layer_response"


class Check(NamedTuple):
    """`measure` of `net`, less that of `than` if there is one, lies between `low` and `high`.

    `at_full_length`: only the paper's schedule can tell, though a shorter one can judge the claim's other checks.
    """

    net: str
    than: str | None = None
    measure: str = TEST
    low: float = -math.inf
    high: float = math.inf
    at_full_length: bool = False


class Claim(NamedTuple):
    """All of its checks hold, says the paper."""

    id: str
    statement: str
    source: str
    checks: tuple[Check, ...]
    scope: Scope = "compare"
    remark: str = ""

    @property
    def nets(self) -> list[str]:
        """The nets it needs, each once."""
        named = [name for check in self.checks for name in (check.net, check.than) if name]
        return list(dict.fromkeys(named))


def greater(net: str, than: str, *measures: str, by: float = 0.0) -> tuple[Check, ...]:
    """`net` has the greater value, by more than `by`, in each measure; in test error if none is named."""
    return tuple(Check(net, than, measure, low=by) for measure in measures or (TEST,))


def falling(nets: list[str], measure: str = TEST) -> tuple[Check, ...]:
    """Each net has a greater value than the next."""
    return tuple(Check(net, than, measure, low=0.0) for net, than in pairwise(nets))


def _i(name: str) -> str:
    return f"identity_mappings/{name}"


ORIGINAL, PREACTIVATION = _i("original-110"), _i("full-preactivation-110")
TABLE_1 = [
    *(f"scaled-{scales}" for scales in ("0-1", "0.5-1", "0.5-0.5")),
    *(f"exclusive-gate-{bias}" for bias in range(8)),
    *("shortcut-only-gate-0", "shortcut-only-gate-6", "conv1x1", "dropout"),
]
FAILS = ["scaled-0-1", "scaled-0.5-1", *(f"exclusive-gate-{bias}" for bias in range(6)), "dropout"]
DEPTHS = (20, 32, 44, 56)

CLAIMS: dict[str, Claim] = {claim.id: claim for claim in (
    Claim("C1", "Degradation: plain-56 has a higher training error than plain-20", "[R] Fig. 1, Fig. 6",
          greater("plain56", "plain20", TRAIN)),
    Claim("C2", "Degradation: plain-56 has a higher test error than plain-20", "[R] Fig. 1, Fig. 6",
          greater("plain56", "plain20")),
    Claim("C3", "The test error of plain nets rises with depth, 20 < 32 < 44 < 56", "[R] Fig. 6",
          falling([f"plain{depth}" for depth in reversed(DEPTHS)])),
    Claim("C4", "Plain-110 stays above 60 % error", "[R] Fig. 6, caption",
          (Check("plain110", measure=TRAIN, low=60.0), Check("plain110", low=60.0)), "tenth"),
    Claim("C5", "The test error of residual nets falls with depth, 20 > 32 > 44 > 56 > 110", "[R] Table 6",
          falling([f"resnet{depth}" for depth in (*DEPTHS, 110)])),
    Claim("C6", "The fix: at 20 and at 56 layers the residual net has less error than the plain one", "[R] Fig. 6",
          (*greater("plain20", "resnet20", TRAIN, TEST), *greater("plain56", "resnet56", TRAIN, TEST))),
    Claim("C7", "ResNet-110 has a mean test error within 6.61 ± 0.16 %", "[R] Table 6",
          (Check("resnet110", low=6.61 - 0.16, high=6.61 + 0.16),), "full"),
    Claim("C8", "ResNet-1202 trains to less than 0.1 % error, and tests worse than ResNet-110", "[R] section 4.2",
          (Check("resnet1202", measure=TRAIN, high=0.1), *greater("resnet1202", "resnet110")), "full",
          "Others report the contrary for the test error."),
    Claim("C9", "ResNet-110 warms up to less than 80 % training error in about 400 iterations at 0.01; without warm-up "
          "it needs several epochs to fall below 90 %, and ends with a similar error", "[R] section 4.2, footnote",
          (Check("resnet110", measure="steps_to_80_pct_train_error", high=800.0),
           Check("resnet110-cold", measure="steps_to_90_pct_train_error", low=2 * 391.0),
           Check("resnet110-cold", "resnet110", low=-0.45, high=0.45, at_full_length=True)), "tenth",
          "About 400 is taken as less than 800, several epochs as more than two, similar as within 0.45 points."),
    Claim("C10", "Plain and residual nets of equal depth have the same number of parameters", "[R] section 4.2",
          tuple(Check(f"plain{depth}", f"resnet{depth}", "parameters", low=-0.5, high=0.5)
                for depth in (*DEPTHS, 110)), "any"),
    Claim("C11", "ResNet-110 has less test error than FitNet-19 and Highway-19, with fewer parameters", "[R] Table 6",
          (Check("resnet110", high=7.72), Check("resnet110", measure="parameters", high=2.3e6)), "full",
          "Highway-19, 7.72 ± 0.16 % with 2.3M parameters, is the harder of the two to beat."),
    Claim("C12", "Layer responses are smaller in residual nets than in plain ones, and in deeper residual nets smaller "
          "still", "[R] Fig. 7",
          (*greater("plain20", "resnet20", RESPONSE), *greater("plain56", "resnet56", RESPONSE),
           *falling(["resnet20", "resnet56", "resnet110"], RESPONSE)),
          remark="Compared is the median over the layers."),
    Claim("I1", "The identity shortcut has less test error than every other shortcut", "[I] Table 1",
          tuple(check for name in TABLE_1 for check in greater(_i(name), ORIGINAL))),
    Claim("I2", "Constant scaling with an unscaled branch, an exclusive gate from a bias of 0 to -5, and dropout on "
          "the shortcut fail: test error above 20 %", "[I] Table 1",
          tuple(Check(_i(name), low=FAIL_PCT) for name in FAILS), "full"),
    Claim("I3", "Scaling by 0.5, a 1x1 convolution, or a shortcut-only gate from bias 0 cost at least 3 points of test "
          "error, with a higher training loss", "[I] Table 1, Fig. 3",
          tuple(check for name in ("scaled-0.5-0.5", "conv1x1", "shortcut-only-gate-0")
                for check in (*greater(_i(name), ORIGINAL, by=3.0), *greater(_i(name), ORIGINAL, LOSS)))),
    Claim("I4", "Gates: shortcut-only from bias -6 is better than from 0, exclusive from -6 better than from -7",
          "[I] Table 1",
          (*greater(_i("shortcut-only-gate-0"), _i("shortcut-only-gate-6")),
           *greater(_i("exclusive-gate-7"), _i("exclusive-gate-6")))),
    Claim("I5", "BN after addition is worse than the original unit", "[I] Table 2",
          tuple(check for depth in (110, 164)
                for check in greater(_i(f"bn-after-addition-{depth}"), _i(f"original-{depth}")))),
    Claim("I6", "ReLU before addition is worse than the original unit", "[I] Table 2",
          tuple(check for depth in (110, 164)
                for check in greater(_i(f"relu-before-addition-{depth}"), _i(f"original-{depth}")))),
    Claim("I7", "ReLU-only pre-activation is within 0.3 points of the original unit", "[I] Table 2",
          tuple(Check(_i(f"relu-only-preactivation-{depth}"), _i(f"original-{depth}"), low=-0.3, high=0.3)
                for depth in (110, 164))),
    Claim("I8", "Full pre-activation is better than the original unit", "[I] Table 2",
          tuple(check for depth in (110, 164)
                for check in greater(_i(f"original-{depth}"), _i(f"full-preactivation-{depth}")))),
    Claim("I9", "From 164 to 1001 layers the original unit gets worse, full pre-activation better", "[I] Table 3",
          (*greater(_i("original-1001"), _i("original-164")),
           *greater(_i("full-preactivation-164"), _i("full-preactivation-1001")))),
    Claim("I10", "Full pre-activation ends with a higher training loss and a lower test error", "[I] Fig. 6",
          (*greater(_i("full-preactivation-164"), _i("original-164"), LOSS),
           *greater(_i("original-164"), _i("full-preactivation-164")))),
    Claim("I11", "With a shortcut over each single layer, full pre-activation is better than the original unit",
          "[I] Table 3",
          greater(_i("original-110-single-layer"), _i("full-preactivation-110-single-layer"))),
    Claim("B1", "With BN a net reaches a given accuracy in fewer steps, and ends with less error", "[B] Fig. 1a",
          greater("batchnorm/plain8-sigmoid", "batchnorm/plain8-sigmoid-bn", "mean_train_error_pct", TEST),
          remark="On a plain net of 8 layers with sigmoids and CIFAR-10, not on the paper's net and digits. Fewer "
          "steps to a given accuracy is taken as less training error on average over the run."),
    Claim("B2", "The percentiles of a deep unit's input drift less with BN", "[B] Fig. 1b, c",
          greater("batchnorm/plain8-sigmoid", "batchnorm/plain8-sigmoid-bn", "percentile_drift"),
          remark="On a plain net of 8 layers with sigmoids and CIFAR-10, not on the paper's net and digits."),
    Claim("B3", "BN is invariant to the scale of the weights, and their gradient scales by its inverse",
          "[B] section 3.3",
          (Check("batchnorm/plain8-sigmoid-bn", measure="weight_scale_deviation", high=0.01),), "any",
          "An identity but for the epsilon in BN: checked on a net as it trains, all of whose weights before BN are "
          "multiplied by 4, and with formulas in tests/models/test_batch_norm.py."),
)}  # fmt: skip
