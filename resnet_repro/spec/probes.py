"""What is measured inside a net while it trains. Nothing, unless asked; and it never changes the result."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resnet_repro.spec.section import AsTuple, Cadence, Images, Section

Probe = Literal[
    "layer_response", "gradient_norm", "input_percentiles", "dead_units", "branch_to_shortcut", "weight_scale"
]

LayerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,100}$")]


class ProbesSpec(Section):
    """Measured after the first step, every so many steps, and after the last; kept in `probes.csv`.

    All but the gradient norms look at the first training images, without augmentation or dropout, and with BN over
    these images as in training.
    """

    measure: Annotated[tuple[Probe, ...], AsTuple] = ()
    every: Cadence = "epoch"
    images: Images = 256
    layer: LayerName | None = (
        None  # whose input input_percentiles follows, e.g. stage3.8.branch.act1; the last in a branch
    )
    unit: Annotated[int, Field(ge=0, le=16_384)] = 0  # the map of it

    @model_validator(mode="after")
    def _place(self) -> Self:
        for field, value in (("layer", self.layer), ("unit", self.unit)):
            if value and "input_percentiles" not in self.measure:
                raise ValueError(
                    f"{field}: says where input_percentiles looks; add that to probes.measure or remove it"
                )
        return self
