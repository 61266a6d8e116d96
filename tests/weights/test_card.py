"""The first lines of a model card, which model hubs read, and that they claim no more than was measured."""

from dataclasses import replace

import pytest
from conftest import make_run
from finished_runs import front_matter

from resnet_repro.errors import printable
from resnet_repro.weights.card import model_card


@pytest.mark.parametrize("name", ["resnet56", "yes", ": #", "- x", "a\n---\nb", '"', "é †", "\x1b[2J", "{", "1e3"])
def test_the_hub_reads_the_result_on_the_true_cifar10_whatever_the_run_is_called(name: str) -> None:
    run = make_run(56, "identity", seed=3, test_error=6.97)
    experiment = run.experiment.model_copy(update={"name": name})
    found = front_matter(model_card(replace(run, experiment=experiment), 1))
    assert found["datasets"] == ["uoft-cs/cifar10"]
    assert found["model-index"] == [{
        "name": printable(f"{name}/seed-3"),
        "results": [{
            "task": {"type": "image-classification", "name": "Image Classification"},
            "dataset": {"name": "CIFAR-10", "type": "uoft-cs/cifar10", "split": "test"},
            "metrics": [{"type": "accuracy", "value": 0.9303, "name": "Accuracy", "verified": False}],
        }],
    }]  # fmt: skip


def test_an_error_on_held_out_images_is_no_result_on_the_hubs_test_set() -> None:
    run = make_run(20, "identity")
    data = run.experiment.data.model_copy(update={"validation_images": 5000})
    found = front_matter(model_card(replace(run, experiment=run.experiment.model_copy(update={"data": data})), 1))
    assert found["datasets"] == ["uoft-cs/cifar10"]
    assert "model-index" not in found


@pytest.mark.parametrize("test_error", [6.97, 90.0, 0.0, 100.0])
def test_the_hubs_own_reader_reads_the_card_and_writes_the_same(test_error: float) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = model_card(make_run(56, "identity", test_error=test_error), 1)
    read = hub.ModelCard(card)
    (result,) = read.data.eval_results
    assert (read.data.model_name, read.data.datasets) == ("identity56/seed-0", ["uoft-cs/cifar10"])
    assert (result.task_type, result.dataset_type, result.dataset_split) == (
        "image-classification", "uoft-cs/cifar10", "test"
    )  # fmt: skip
    assert result.metric_value == pytest.approx(1 - test_error / 100)
    assert front_matter(str(read)) == front_matter(card)
