"""What `deepen` prints."""

from typing import Any

from resnet_repro.cli.show.evaluation import exactness
from resnet_repro.errors import printable
from resnet_repro.spec.naming import net_name
from resnet_repro.text_tables import counted, print_table
from resnet_repro.weights.deepen import Deepening


def deepening_json(found: Deepening) -> dict[str, Any]:
    """Errors are in %. Each of `nets` has the fields of one net, the shallow one first."""
    run = found.run
    return {
        "run": run.path.as_posix(),
        "name": run.experiment.name,
        "seed": run.experiment.seed,
        "data": found.data,
        "device": found.environment["device_name"],
        "precision": found.environment["precision"],
        "images": found.images,
        "nets": [
            {
                "net": net_name(net.experiment.model),
                "depth": net.experiment.model.depth,
                "parameters": net.parameters,
                "test_error_pct": net.test_error_pct,
                "test_loss": net.test_loss,
            }
            for net in (found.shallow, found.deep)
        ],
        "largest_difference": found.largest_difference,
        "largest_difference_float64": found.largest_difference_float64,
        "float64_images": found.float64_images,
        "outputs_std": found.outputs_std,
    }


def print_deepening(found: Deepening) -> None:
    """Both nets with their errors, the largest difference of any output, and how to train on."""
    shallow, deep = (net_name(net.experiment.model) for net in (found.shallow, found.deep))
    print_table(
        f"{found.run.path} grows from {shallow} to {deep}",
        ["net", "parameters", "test error %", "test loss"],
        [
            [name, f"{net.parameters:,}", f"{net.test_error_pct:.2f}", f"{net.test_loss:.4f}"]
            for name, net in ((shallow, found.shallow), (f"{deep}, grown", found.deep))
        ],
    )
    added = found.deep.experiment.model.depth - found.shallow.experiment.model.depth
    print(
        f"{counted(added, 'layer')} added; the largest difference of any output is {found.largest_difference:.2g} in "
        f"{found.environment['precision']}, and {found.largest_difference_float64:.2g} in float64 "
        f"(first {counted(found.float64_images, 'image')}); outputs vary by {found.outputs_std:.2g}"
    )
    print(printable(f"data: {found.data['name']}, {counted(found.images, 'image')}; {exactness(found.data)}"))
    print(printable(f"a spec trains on from there with 'start: {{run: {found.run.experiment.name}}}'"))
