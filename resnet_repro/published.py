"""The papers' numbers, each with its table or figure.

[R] He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385 (2015).
"""

from typing import NamedTuple


class PublishedError(NamedTuple):
    """A final error in %, and where it stands. Values read off a figure are good to 0.1 (training: 0.3) points."""

    depth: int
    shortcut: str
    train_error_pct: float | None
    test_error_pct: float
    source: str


_PRINTED = "[R] Table 6; training error read off Fig. 6"
_READ = "[R] Fig. 6, read off the curves, mean over iterations 54k to 64k"

CIFAR10_ERRORS = (
    PublishedError(20, "none", 1.3, 9.7, _READ),
    PublishedError(32, "none", 1.5, 10.1, _READ),
    PublishedError(44, "none", 2.7, 11.3, _READ),
    PublishedError(56, "none", 5.8, 13.3, _READ),
    PublishedError(20, "identity", 0.6, 8.75, _PRINTED),
    PublishedError(32, "identity", 0.2, 7.51, _PRINTED),
    PublishedError(44, "identity", 0.2, 7.17, _PRINTED),
    PublishedError(56, "identity", 0.1, 6.97, _PRINTED),
    PublishedError(110, "identity", None, 6.61, "[R] Table 6, mean of five runs"),
    PublishedError(1202, "identity", None, 7.93, "[R] Table 6"),
)
