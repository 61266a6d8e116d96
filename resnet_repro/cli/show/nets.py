"""What `describe` prints: nets layer by layer, the differences of two nets, or the totals of several."""

from collections.abc import Sequence

from resnet_repro.describe import Description, describe, describe_published, forward_seconds, layer_differences
from resnet_repro.describe.description import LayerDifference
from resnet_repro.files import to_json
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.spec.file import differences
from resnet_repro.text_tables import print_table
from resnet_repro.training.device import device_name, resolve_device

CONVOLUTIONS = {
    "he": "normal, variance 2 / fan-out (He et al. 2015b, eq. 14, and the authors' released code)",
    "he_fan_in": "normal, variance 2 / fan-in (He et al. 2015b, eq. 10)",
    "xavier": "normal, variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010, eq. 12)",
    "gaussian": "normal, standard deviation {std:g}",
    "fixup": "normal, variance 2 / fan-out, then scaled by depth, the last of each branch zero (Zhang et al. 2019)",
}
CLASSIFIERS = {
    "uniform": "uniform in ±1/sqrt(fan-in), bias zero (the authors' released code, resnet-1k-layers)",
    "he": "normal, variance 2 / fan-in, bias zero (He et al. 2015b, eq. 10)",
    "gaussian": "normal, standard deviation {std:g}, bias zero",
    "zero": "zero (Zhang et al. 2019)",
}


def show_nets(experiments: Sequence[Experiment], as_json: bool) -> None:
    """Each net layer by layer. JSON has only totals: an object for one net, a list for several."""
    descriptions = [describe(experiment) for experiment in experiments]
    if not as_json:
        for experiment, description in zip(experiments, descriptions, strict=True):
            _print_layers(description)
            print(_initialization(experiment.model))
        return
    totals = [_totals(experiment, net) for experiment, net in zip(experiments, descriptions, strict=True)]
    print(to_json(totals if len(totals) > 1 else totals[0]), end="")


def show_difference(left: Experiment, right: Experiment, as_json: bool) -> None:
    """The fields in which two specs differ, and the layers in which their nets differ."""
    nets = describe(left), describe(right)
    fields, layers = differences(left, right), layer_differences(*nets)
    if as_json:
        found = [layer._asdict() for layer in layers]
        print(to_json({"fields": fields, "layers": found, "totals": [net.totals() for net in nets]}), end="")
    else:
        _print_difference(*nets, fields, layers)


def show_comparison(experiments: Sequence[Experiment], names: Sequence[str], device: str | None, as_json: bool) -> None:
    """Totals of the experiments' nets and of torchvision's; with a device, also the time of a forward pass on it."""
    nets = [*map(describe, experiments), *map(describe_published, names)]
    seconds: list[float] = []
    timed_on = ""
    if device:
        on = resolve_device(device)
        seconds, timed_on = forward_seconds(experiments, names, on), device_name(on)
    if as_json:
        times: list[dict[str, float]] = [{"forward_ms": 1000 * time} for time in seconds] or [{} for _ in nets]
        print(to_json([{**net.totals(), **time} for net, time in zip(nets, times, strict=True)]), end="")
    else:
        _print_totals(nets, seconds, timed_on)


def _totals(experiment: Experiment, net: Description) -> dict[str, object]:
    return {"name": net.name, "depth": experiment.model.depth, **net.totals()}


def _print_layers(description: Description) -> None:
    columns = ["layer", "operation", "output", "parameters", "multiply-adds", "depth", "sees (pixels)"]
    rows = [
        [
            layer.name,
            layer.operation,
            "x".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
            str(layer.depth) if layer.multiply_adds else "",
            str(layer.receptive_field) if layer.multiply_adds and layer.receptive_field else "",
        ]
        for layer in description.layers
    ]
    print_table(f"{description.name}, for one {_shape(description)} image", columns, rows, ["sees (pixels)", "depth"])
    print(
        f"{description.layers_counted} weighted layers on the longest path, {description.parameters:,} parameters, "
        f"{description.multiply_adds:,} multiply-adds, receptive field {description.receptive_field} pixels"
    )


def _initialization(model: ModelSpec) -> str:
    """The initialisation of convolutions and of the classifier, a line each, with its source."""
    convolutions, classifier = (
        (text.format(std=std) if std is not None else text)
        for text, std in (
            (_described(model.initialization, CONVOLUTIONS), model.initialization_std),
            (_described(model.classifier_initialization, CLASSIFIERS), model.classifier_initialization_std),
        )
    )
    return f"initialisation of convolutions: {convolutions}\ninitialisation of the classifier: {classifier}"


def _described(method: str, known: dict[str, str]) -> str:
    return known.get(method, f"{method}, of an own file")


def _print_totals(descriptions: Sequence[Description], seconds: Sequence[float], timed_on: str) -> None:
    columns = ["net", "image", "layers", "parameters", "fully connected", "share", "multiply-adds (10^6)"]
    rows = [
        [
            net.name,
            _shape(net),
            str(net.layers_counted),
            f"{net.parameters:,}",
            f"{net.fully_connected:,}",
            f"{net.fully_connected / net.parameters:.1%}",
            f"{net.multiply_adds / 1e6:,.0f}",
        ]
        for net in descriptions
    ]
    title = "Parameters, and how many of them are in fully-connected layers"
    if seconds:
        columns.append("forward pass (ms)")
        for row, time in zip(rows, seconds, strict=True):
            row.append(f"{1000 * time:.1f}")
        title += f"; one image in fp32 on {timed_on}, median of 5"
    print_table(title, columns, rows)


def _print_difference(
    left: Description,
    right: Description,
    fields: Sequence[str],
    layers: Sequence[LayerDifference],
) -> None:
    print(f"{left.name} against {right.name}\n")
    print("".join(f"  {line}\n" for line in fields) or "  the specs are equal\n")
    rows = [
        [
            stage,
            operation,
            output,
            f"{parameters:,}",
            *({0: "none", 1: "once"}.get(count, f"{count} times") for count in counts),
        ]
        for stage, operation, output, parameters, *counts in layers
    ]
    for name in ("parameters", "multiply_adds", "receptive_field"):
        values = getattr(left, name), getattr(right, name)
        if values[0] != values[1] or (rows and name == "parameters"):
            rows.append(["whole net", name.replace("_", "-"), "", "", *(f"{value:,}" for value in values)])
    if rows:
        print_table("The nets differ in", ["where", "what", "output", "parameters", left.name, right.name], rows)
    else:
        print("the nets are equal, operation by operation")


def _shape(description: Description) -> str:
    return "x".join(map(str, description.image_shape))
