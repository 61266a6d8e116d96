"""Section `probes` of a spec: what is measured inside a net while it trains. By default nothing is."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resnet_repro.spec.own import Grows
from resnet_repro.spec.section import AsTuple, Cadence, Images, Section

Probe = Literal[
    "layer_response", "gradient_norm", "input_percentiles", "dead_units", "branch_to_shortcut", "weight_scale"
]

LayerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,100}$")]


class ProbesSpec(Section):
    """Probes run after the first step, every `every` steps, and after the last step. They write `probes.csv`.

    They never change the result of a run. All but the gradient norms use the first training images, without
    augmentation or dropout, and with the statistics of BN taken over these images as in training.
    """

    measure: Annotated[tuple[Annotated[Probe, Grows("probes.measure")], ...], AsTuple] = ()
    """A list of probes. `layer_response`: standard deviation of each layer's output ([R] Fig. 7).
    `gradient_norm`: of each layer's weights. `input_percentiles`: of the input of one activation ([B] Fig. 1).
    `dead_units`: share of feature maps that are zero for all images. `branch_to_shortcut`: size of F(x) beside h(x).
    `weight_scale`: change of the loss and of the gradients when all weights are scaled ([B] section 3.3)."""
    every: Cadence = "epoch"
    """Steps between two measurements, or `epoch`."""
    images: Images = 256
    """Number of training images that the probes use."""
    layer: LayerName | None = None
    """The activation that `input_percentiles` looks at, for example `stage3.8.branch.act1`.
    Default: the last one in a branch."""
    unit: Annotated[int, Field(ge=0, le=16_384)] = 0
    """The feature map of that activation."""

    @model_validator(mode="after")
    def _place(self) -> Self:
        for field, value in (("layer", self.layer), ("unit", self.unit)):
            if value and "input_percentiles" not in self.measure:
                raise ValueError(
                    f"{field}: says where input_percentiles looks; add that to probes.measure or remove it"
                )
        return self
