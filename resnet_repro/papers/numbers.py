"""Every number of the papers' CIFAR-10 sections, with the table or figure that it is from and how exact it is."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from resnet_repro.papers.nets import papers_net

Kind = Literal[
    "printed",  # in the text or a table
    "read off",  # from a figure's curve, to within 0.1 points; training errors to within 0.3
    "computed",  # from the definition of the net
]


class Number(NamedTuple):
    """A published value of one net; errors are in %. `relation` is ">" or "<" if the paper gives only a bound."""

    net: str  # a name in NETS, or a net by others that the papers compare with
    measure: str  # a key of resnet_repro.analysis.measures.MEASURES
    value: float
    source: str
    kind: Kind = "printed"
    relation: Literal["=", ">", "<"] = "="
    std: float | None = None
    statistic: Literal["single run", "best of five", "mean of five", "median of five", ""] = ""


FAIL_PCT = 20.0  # [I] Table 1 prints "fail" for a test error above this

_TEST, _TRAIN, _MEDIAN = "test_error_pct", "train_error_pct", "median_layer_response"
_I = "identity_mappings/"


def _errors(
    source: str, values: Mapping[str, float], kind: Kind = "printed", measure: str = _TEST
) -> tuple[Number, ...]:
    return tuple(
        Number(net, measure, value, source, kind, statistic="median of five" if source.startswith("[I]") else "")
        for net, value in values.items()
    )


def _fails(*nets: str) -> tuple[Number, ...]:
    return tuple(Number(net, _TEST, FAIL_PCT, "[I] Table 1", relation=">", statistic="median of five") for net in nets)


_FIG6 = "[R] Fig. 6, mean over iterations 54k to 64k"

NUMBERS: tuple[Number, ...] = (
    # [R] Table 6
    *_errors("[R] Table 6", {"resnet20": 8.75, "resnet32": 7.51, "resnet44": 7.17, "resnet56": 6.97}),
    Number("resnet110", _TEST, 6.61, "[R] Table 6", std=0.16, statistic="mean of five"),
    Number("resnet110", _TEST, 6.43, "[R] Table 6", statistic="best of five"),
    *_errors("[R] Table 6", {"resnet1202": 7.93, "FitNet-19": 8.39, "Highway-32": 8.80}),
    Number("Highway-19", _TEST, 7.72, "[R] Table 6", std=0.16, statistic="mean of five"),
    Number("Highway-19", _TEST, 7.54, "[R] Table 6", statistic="best of five"),
    *_errors("[R] Table 6", {"Maxout": 9.38, "NIN": 8.81, "DSN": 8.22}),
    # [R] Fig. 6
    *_errors(_FIG6, {"plain20": 9.7, "plain32": 10.1, "plain44": 11.3, "plain56": 13.3}, "read off"),
    *_errors(_FIG6, {"plain20": 1.3, "plain32": 1.5, "plain44": 2.7, "plain56": 5.8}, "read off", _TRAIN),
    *_errors(
        _FIG6,
        {"resnet20": 8.8, "resnet32": 7.5, "resnet44": 7.2, "resnet56": 7.0, "resnet110": 6.6, "resnet1202": 7.9},
        "read off",
    ),
    *_errors(
        _FIG6,
        {"resnet20": 0.6, "resnet32": 0.2, "resnet44": 0.2, "resnet56": 0.1, "resnet110": 0.0},
        "read off",
        _TRAIN,
    ),
    Number("resnet1202", _TRAIN, 0.1, _FIG6, "read off", relation="<"),
    Number("plain110", _TEST, 60.0, "[R] Fig. 6, caption", relation=">"),
    Number("plain110", _TRAIN, 60.0, "[R] Fig. 6, caption", relation=">"),
    # [R] Fig. 7
    *_errors(
        "[R] Fig. 7",
        {"plain20": 1.85, "resnet20": 1.55, "plain56": 1.5, "resnet56": 1.09, "resnet110": 0.91},
        "read off",
        _MEDIAN,
    ),
    # [I] Table 1, ResNet-110
    *_errors("[I] Table 1", {f"{_I}original-110": 6.61}),
    *_fails(f"{_I}scaled-0-1", f"{_I}scaled-0.5-1"),
    *_errors("[I] Table 1", {f"{_I}scaled-0.5-0.5": 12.35}),
    *_fails(*(f"{_I}exclusive-gate-{bias}" for bias in range(6))),
    *_errors(
        "[I] Table 1",
        {
            f"{_I}exclusive-gate-6": 8.70,
            f"{_I}exclusive-gate-7": 9.81,
            f"{_I}shortcut-only-gate-0": 12.86,
            f"{_I}shortcut-only-gate-6": 6.91,
            f"{_I}conv1x1": 12.22,
        },
    ),
    *_fails(f"{_I}dropout"),
    # [I] Table 2, 110 and 164 layers
    *_errors(
        "[I] Table 2",
        {
            f"{_I}{unit}-{depth}": value
            for unit, values in {
                "original": (6.61, 5.93),
                "bn-after-addition": (8.17, 6.50),
                "relu-before-addition": (7.84, 6.14),
                "relu-only-preactivation": (6.71, 5.91),
                "full-preactivation": (6.37, 5.46),
            }.items()
            for depth, value in zip((110, 164), values, strict=True)
        },
    ),
    # [I] Table 3
    *_errors(
        "[I] Table 3",
        {
            f"{_I}original-110-single-layer": 9.90,
            f"{_I}full-preactivation-110-single-layer": 8.91,
            f"{_I}original-110": 6.61,
            f"{_I}full-preactivation-110": 6.37,
            f"{_I}original-164": 5.93,
            f"{_I}full-preactivation-164": 5.46,
            f"{_I}original-1001": 7.61,
            f"{_I}full-preactivation-1001": 4.92,
            "original-164, CIFAR-100": 25.16,
            "full-preactivation-164, CIFAR-100": 24.33,
            "original-1001, CIFAR-100": 27.82,
            "full-preactivation-1001, CIFAR-100": 22.71,
        },
    ),
    # [I] Table 4
    *_errors("[I] Table 4", {f"{_I}full-preactivation-1001-batch64": 4.62}),
    Number(f"{_I}full-preactivation-1001", _TEST, 4.89, "[I] Table 4", std=0.14, statistic="mean of five"),
    Number(f"{_I}full-preactivation-1001-batch64", _TEST, 4.69, "[I] Table 4", std=0.20, statistic="mean of five"),
    # Parameters, exact; [R] Table 6 prints them in millions
    *_errors(
        "[R] section 4.2, 6n+2 layers with option A",
        {
            f"{kind}{depth}": count
            for depth, count in {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}.items()
            for kind in ("plain", "resnet")
        }
        | {"resnet1202": 19_421_274},
        "computed",
        "parameters",
    ),
    *_errors(
        "[I] appendix, 9n+2 layers",
        {f"{_I}full-preactivation-164": 1_703_258, f"{_I}full-preactivation-1001": 10_327_706},
        "computed",
        "parameters",
    ),
    *_errors(
        "[R] Table 6",
        {
            "resnet20": 0.27e6,
            "resnet32": 0.46e6,
            "resnet44": 0.66e6,
            "resnet56": 0.85e6,
            "resnet110": 1.7e6,
            "resnet1202": 19.4e6,
            "FitNet-19": 2.5e6,
            "Highway-19": 2.3e6,
            "Highway-32": 1.25e6,
        },
        measure="parameters",
    ),
    Number("BN of 128 maps", "parameters", 256, "[B] section 3.2", "computed"),
)


def find_number(net: str, measure: str, papers: str = "") -> Number | None:
    """The first number of a net and measure in NUMBERS, where printed values stand before those read off figures.

    `papers` restricts it to sources that begin with that text, such as "[R]".
    """
    found = (n for n in NUMBERS if (n.net, n.measure) == (net, measure) and n.source.startswith(papers))
    return next(found, None)


def final_error(shortcut: str, depth: int, measure: str) -> float | None:
    """The final error in % published in [R] for its plain ("none") or residual ("identity") net of a depth, if any."""
    found = find_number(papers_net(shortcut, depth), measure, "[R]")
    return found.value if found and found.relation == "=" else None
