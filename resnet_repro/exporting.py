"""A trained net for others: one file that PyTorch alone runs, the weights by name, and a card that says what it is."""

from collections.abc import Iterator
from pathlib import Path

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from safetensors.torch import save
from torch import Tensor, nn

from resnet_repro.analysis import data_name
from resnet_repro.data.batches import Normalization
from resnet_repro.errors import RunError, printable
from resnet_repro.evaluating import class_names, open_run
from resnet_repro.files import explained, replacing, to_json, write_text
from resnet_repro.naming import net_name
from resnet_repro.provenance import decisive
from resnet_repro.record import Run
from resnet_repro.spec import PAPER_STEPS
from resnet_repro.spec_file import dump_spec

PROGRAM, TENSORS, CONFIG, SPEC, CARD = "model.pt2", "model.safetensors", "config.json", "spec.yaml", "README.md"
ELSEWHERE = "choose another OUTPUT, or make room there"


class Exported(nn.Module):
    """The net from bytes to logits: (N, 3, 32, 32) uint8, as images are read -> (N, 10) float32."""

    def __init__(self, net: nn.Module, normalization: Normalization) -> None:
        super().__init__()
        self.net = net
        self.mean = nn.Buffer(normalization.mean.permute(2, 0, 1).contiguous())  # (3, 32, 32)
        self.scale = normalization.scale

    def forward(self, images: Tensor) -> Tensor:
        return self.net((images.float() - self.mean) * self.scale)


def export_run(folder: Path, output: Path, data_dir: Path) -> Iterator[Path]:
    """Make `output` from the final weights in `folder`, and yield its files.

    The training images are needed once more, for their mean. Raises RunError if `output` holds anything else.
    """
    if output.exists() and not (output.is_dir() and (output / PROGRAM).exists()) and not _is_empty(output):
        raise RunError(f"{output}: is there already, and is no earlier export; choose another OUTPUT")
    run, dataset, trainer = open_run(folder, data_dir, torch.device("cpu"))
    if run.status != "finished":
        raise RunError(f"{folder}: has not finished ({run.status}); train it to its end first")
    net = trainer.engine.net.eval().to(memory_format=torch.contiguous_format)
    program = Exported(net, Normalization(dataset.train, torch.device("cpu"))).eval()
    with explained(output, ELSEWHERE):
        output.mkdir(parents=True, exist_ok=True)
    with replacing(output / PROGRAM, otherwise=ELSEWHERE) as file:
        torch.export.save(_exported(program), file)
    with replacing(output / TENSORS, otherwise=ELSEWHERE) as file:
        tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
        file.write(save(tensors, {"net": net_name(run.experiment.model), "run": run.experiment.label}))
    config = {
        "net": net_name(run.experiment.model),
        "classes": list(class_names(run)),
        "input": {"shape": ["N", 3, 32, 32], "dtype": "uint8", "scale": program.scale, "mean": program.mean.tolist()},
        "run": run.experiment.label,
        "test_error_pct": run.final.test_error_pct if run.final else None,
    }
    write_text(output / CONFIG, to_json(config))
    write_text(output / SPEC, dump_spec(run.experiment))
    write_text(output / CARD, card(run, sum(parameter.numel() for parameter in net.parameters())))
    yield from (output / name for name in (PROGRAM, TENSORS, CONFIG, SPEC, CARD))


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _exported(program: Exported) -> torch.export.ExportedProgram:
    """For any number of images."""
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    with torch.no_grad():
        return torch.export.export(program, (images,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},))


def card(run: Run, parameters: int) -> str:
    """The model card, as Markdown."""
    environment = Environment(  # noqa: S701 - Markdown, and every value is one printable line
        loader=PackageLoader("resnet_repro"), undefined=StrictUndefined, trim_blocks=True,
        keep_trailing_newline=True, finalize=lambda value: printable(str(value)),
    )  # fmt: skip
    return environment.get_template("model_card.md").render(
        net=net_name(run.experiment.model),
        run=run,
        training=run.experiment.training,
        label=run.experiment.label,
        final=run.final,
        parameters=f"{parameters:,}",
        data=data_name(run),
        recorded=run.environment.get("data") or {},
        made=decisive(run.environment),
        full_steps=PAPER_STEPS,
        classes=", ".join(class_names(run)),
    )
