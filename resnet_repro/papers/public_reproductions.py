"""Training curves that others published for the same nets, to compare ours with."""

from typing import NamedTuple


class Reproduction(NamedTuple):
    """Test error in % after each of the first epochs, by a name in NETS; one run of each net."""

    name: str
    source: str
    recipe: str  # what differs from the paper's, or what the paper leaves open
    test_error_pct: dict[str, tuple[float, ...]]


REPRODUCTIONS = (
    Reproduction(
        "a-martyn/resnet",
        "https://github.com/a-martyn/resnet",
        "fp32, classifier initialised by He's rule (standard deviation 0.177), learning rate 0.1, batches of 128",
        {
            "plain20": (60.7, 50.0, 38.2, 29.9, 29.0, 27.4, 26.8, 22.2),
            "plain32": (68.6, 62.2, 55.3, 49.5, 43.1, 44.1, 39.1, 44.8),
            "plain44": (74.5, 69.5, 63.5, 64.4, 60.6, 60.3, 54.7, 52.8),
            "plain56": (90.0, 80.8, 71.7, 71.4, 68.2, 65.4, 65.0, 63.1),
            "resnet20": (63.7, 44.4, 37.0, 30.6, 29.0, 26.2, 21.9, 21.7),
            "resnet56": (72.4, 59.5, 52.2, 42.1, 37.8, 35.5, 29.3, 29.7),
        },
    ),
)
