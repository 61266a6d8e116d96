"""Run folders as a training leaves them."""

from pathlib import Path

from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.spec import Experiment, ModelSpec, ProbesSpec

EXPERIMENT = Experiment(name="suite/net", seed=3, model=ModelSpec(depth=20))
PROBED = EXPERIMENT.model_copy(update={"probes": ProbesSpec(measure=("layer_response",))})
COLUMNS = (
    "step,epoch,learning_rate,train_loss,train_error_pct,train_error_clean_pct,"
    "test_loss,test_error_pct,images_per_second,elapsed_seconds"
)
PROBE_COLUMNS = "step,probe,layer,name,value"


def row(step: int) -> Row:
    return Row(step, step / 391, 0.1, 2.5, 90.0, None, None, None, 1000.0, step / 10)


def unfinished_folder(results: Path) -> RunFolder:
    """A run without probes, with rows at steps 1 and 2."""
    folder = RunFolder(results, EXPERIMENT)
    with folder.held():
        folder.begin({"device": "cpu"})
        folder.append(row(1))
        folder.append(row(2))
    return folder


def probe_row(step: int, value: float = 0.25) -> ProbeRow:
    return ProbeRow(step, "layer_response", "stage1.0.branch.conv1", "std", value)


def probed_folder(results: Path) -> RunFolder:
    """A run with probe rows at steps 1 and 2."""
    folder = RunFolder(results, PROBED)
    with folder.held():
        folder.begin({"device": "cpu"})
        folder.append(row(1))
        folder.append_probes([probe_row(1), probe_row(1, -1.5)])
        folder.append_probes(iter([probe_row(2)]))
    return folder
