"""The papers' claims as inequalities between measured values."""

import math
from itertools import pairwise
from typing import Literal, NamedTuple

from resnet_repro.papers.numbers import FAIL_PCT

Scope = Literal[
    "any",  # does not depend on the schedule, such as a count of parameters
    "compare",  # relative: testable on any schedule if both nets were trained identically
    "opening",  # a value of the first steps: testable on any schedule of which OPENING steps are the paper's first ones
    "tenth",  # testable from a tenth of the paper's schedule on
    "full",  # testable on the paper's full schedule only: a value at its end
    "construction",  # testable on any schedule by nets that have grown from others: see CONSTRUCTED
]

OPENING = 1000  # steps
TEST, TRAIN, LOSS, RESPONSE = "test_error_pct", "train_error_pct", "train_loss", "median_layer_response"


# What the nets of scope "construction" are: the specs of experiments/construction, or others of the same nets.
SHALLOW, GROWN, SCRATCH = "construction/plain20", "construction/plain56-grown", "construction/plain56"
CONSTRUCTED = {SHALLOW: "plain-20", GROWN: "plain-56 grown from plain-20", SCRATCH: "plain-56 from random weights"}


class Check(NamedTuple):
    """An inequality: `measure` of `net`, minus that of `than` if given, lies between `low` and `high`.

    `at_full_length`: testable on the paper's full schedule only, while the claim's other checks need less.
    `is_published`: `than` is not run; its mean over five runs and their spread are the papers'.
    """

    net: str
    than: str | None = None
    measure: str = TEST
    low: float = -math.inf
    high: float = math.inf
    at_full_length: bool = False
    is_published: bool = False


class Claim(NamedTuple):
    """A statement of a paper. It holds if all of its checks hold."""

    id: str
    statement: str
    source: str
    checks: tuple[Check, ...]
    scope: Scope = "compare"
    remark: str = ""

    @property
    def nets(self) -> list[str]:
        """Names in NETS of the nets that the checks need, each once."""
        named = [
            name for check in self.checks for name in (check.net, None if check.is_published else check.than) if name
        ]
        return list(dict.fromkeys(named))


# Points of test error within which results are alike: two runs with the papers' spread of 0.16 differ by more in one
# case of twenty.
ALIKE = 0.45


def alike(net: str, than: str, at_full_length: bool = False, is_published: bool = False) -> Check:
    """Two test errors differ by less than ALIKE. Five seeds of each suffice for this, with the papers' spread."""
    return Check(net, than, TEST, -ALIKE, ALIKE, at_full_length, is_published)


def greater(net: str, than: str, *measures: str, by: float = 0.0) -> tuple[Check, ...]:
    """`net` exceeds `than` by more than `by` in each of the measures, by default in test error."""
    return tuple(Check(net, than, measure, low=by) for measure in measures or (TEST,))


def falling(nets: list[str], measure: str = TEST) -> tuple[Check, ...]:
    """Each net has a greater value than the next."""
    return tuple(Check(net, than, measure, low=0.0) for net, than in pairwise(nets))


def _i(name: str) -> str:
    return f"identity_mappings/{name}"


ORIGINAL = _i("original-110")
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
    Claim("C6", "The fix: at 20 and at 56 layers the residual net has a lower error than the plain one", "[R] Fig. 6",
          (*greater("plain20", "resnet20", TRAIN, TEST), *greater("plain56", "resnet56", TRAIN, TEST))),
    Claim("C7", "ResNet-110 has the published mean test error, 6.61 ± 0.16 %", "[R] Table 6",
          (alike("resnet110", "resnet110", is_published=True),), "full",
          "The difference of our mean and the published one, with the uncertainty of both, has to be within 0.45 "
          "points, by which two of the paper's own runs may differ. About five seeds are needed."),
    Claim("C8", "ResNet-1202 trains to less than 0.1 % error, and tests worse than ResNet-110", "[R] section 4.2",
          (Check("resnet1202", measure=TRAIN, high=0.1), *greater("resnet1202", "resnet110")), "full",
          "Other reproductions found the opposite for the test error. A training error of 0 % has a binomial "
          "interval."),
    Claim("C9", "ResNet-110 warms up to less than 80 % training error in about 400 iterations at 0.01; without warm-up "
          "it needs several epochs to fall below 90 %, and ends with a similar error", "[R] section 4.2, footnote",
          (Check("resnet110", measure="steps_to_80_pct_train_error", high=800.0),
           Check("resnet110-cold", measure="steps_to_90_pct_train_error", low=2 * 391.0),
           alike("resnet110-cold", "resnet110", at_full_length=True)), "opening",
          "We take about 400 as less than 800, several epochs as more than two, and similar as within 0.45 points."),
    Claim("C10", "Plain and residual nets of equal depth have the same number of parameters", "[R] section 4.2",
          tuple(Check(f"plain{depth}", f"resnet{depth}", "parameters", low=-0.5, high=0.5)
                for depth in (*DEPTHS, 110)), "any"),
    Claim("C11", "ResNet-110 has a lower test error than FitNet-19 and Highway-19, with fewer parameters",
          "[R] Table 6",
          (Check("resnet110", "Highway-19", high=0.0, is_published=True),
           Check("resnet110", measure="parameters", high=2.3e6)), "full",
          "Compared with Highway-19 (7.72 ± 0.16 %, 2.3M parameters), which is better and smaller than FitNet-19."),
    Claim("C12", "Layer responses are smaller in residual nets than in plain ones, and in deeper residual nets smaller "
          "still", "[R] Fig. 7",
          (*greater("plain20", "resnet20", RESPONSE), *greater("plain56", "resnet56", RESPONSE),
           *falling(["resnet20", "resnet56", "resnet110"], RESPONSE)),
          remark="We compare the medians over the layers."),
    Claim("C13", "A deeper plain net that is as good exists, plain-20 grown to 56 layers by identity layers; from "
          "random weights, SGD does not find one in as many steps as both trainings take", "[R] section 1",
          (Check(GROWN, SHALLOW, "given_train_error_pct", -0.1, 0.1),
           Check(GROWN, SHALLOW, "given_test_error_pct", -0.1, 0.1), *greater(SCRATCH, SHALLOW, TRAIN)), "construction",
          "The grown net's error is that before its first step, in evaluation mode. Rounding may change it, by "
          "less than 0.1 points."),
    Claim("I1", "The identity shortcut has a lower test error than every other shortcut", "[I] Table 1",
          tuple(check for name in TABLE_1 for check in greater(_i(name), ORIGINAL))),
    Claim("I2", "Constant scaling with an unscaled branch, an exclusive gate from a bias of 0 to -5, and dropout on "
          "the shortcut fail: test error above 20 %", "[I] Table 1",
          tuple(Check(_i(name), low=FAIL_PCT) for name in FAILS), "full"),
    Claim("I3", "Scaling by 0.5, a 1x1 convolution, or a shortcut-only gate from bias 0 cost at least 3 points of test "
          "error, with a higher training loss", "[I] Table 1, Fig. 3",
          tuple(check for name in ("scaled-0.5-0.5", "conv1x1", "shortcut-only-gate-0")
                for check in (*greater(_i(name), ORIGINAL, by=3.0), *greater(_i(name), ORIGINAL, LOSS)))),
    Claim("I4", "A shortcut-only gate is better with bias -6 than with 0, an exclusive gate with -6 than with -7",
          "[I] Table 1",
          (*greater(_i("shortcut-only-gate-0"), _i("shortcut-only-gate-6")),
           *greater(_i("exclusive-gate-7"), _i("exclusive-gate-6")))),
    Claim("I5", "Batch normalisation (BN) after the addition is worse than the original unit", "[I] Table 2",
          tuple(check for depth in (110, 164)
                for check in greater(_i(f"bn-after-addition-{depth}"), _i(f"original-{depth}")))),
    Claim("I6", "ReLU before the addition is worse than the original unit", "[I] Table 2",
          tuple(check for depth in (110, 164)
                for check in greater(_i(f"relu-before-addition-{depth}"), _i(f"original-{depth}")))),
    Claim("I7", "ReLU-only pre-activation has about the test error of the original unit", "[I] Table 2",
          tuple(alike(_i(f"relu-only-preactivation-{depth}"), _i(f"original-{depth}")) for depth in (110, 164)),
          remark="We take about the same as within 0.45 points, by which two runs with the papers' spread may differ. "
          "Single runs cannot show it; about five seeds of each net can."),
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
    Claim("B1", "With batch normalisation (BN) a net reaches a given accuracy in fewer steps, and ends with a lower "
          "error", "[B] Fig. 1a",
          greater("batchnorm/plain8-sigmoid", "batchnorm/plain8-sigmoid-bn", "mean_train_error_pct", TEST),
          remark="Tested with a plain net of 8 layers with sigmoids on CIFAR-10, not with the paper's net on digits. "
          "We take fewer steps to a given accuracy as a lower training error on average over the run."),
    Claim("B2", "The percentiles of a deep unit's input drift less with BN", "[B] Fig. 1b, c",
          greater("batchnorm/plain8-sigmoid", "batchnorm/plain8-sigmoid-bn", "percentile_drift"),
          remark="Tested with a plain net of 8 layers with sigmoids on CIFAR-10, not with the paper's net on digits."),
    Claim("B3", "BN's output does not change with the scale of the weights, and their gradient scales by the inverse",
          "[B] section 3.3",
          (Check("batchnorm/plain8-sigmoid-bn", measure="weight_scale_deviation", high=0.01),), "any",
          "Exact except for the epsilon in BN. Tested in a net during training, with all weights before BN multiplied "
          "by 4; tests/models/test_batch_norm.py tests the formulas."),
)}  # fmt: skip
