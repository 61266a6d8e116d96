"""The papers, by the letter that stands for each in a source such as "[R] Table 6"."""

from typing import NamedTuple


class Paper(NamedTuple):
    """What a reader needs to find a paper."""

    title: str
    authors: str
    url: str


PAPERS = {
    "R": Paper(
        "Deep Residual Learning for Image Recognition", "He, Zhang, Ren, Sun, 2015", "https://arxiv.org/abs/1512.03385"
    ),
    "I": Paper(
        "Identity Mappings in Deep Residual Networks", "He, Zhang, Ren, Sun, 2016", "https://arxiv.org/abs/1603.05027"
    ),
    "B": Paper(
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
        "Ioffe, Szegedy, 2015",
        "https://arxiv.org/abs/1502.03167",
    ),
}
