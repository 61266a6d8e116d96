"""What `evaluate` prints, and the caption of its figure."""

from typing import Any

from resnet_repro.errors import printable
from resnet_repro.spec.naming import net_name, schedule_phrase
from resnet_repro.text_tables import counted, print_table
from resnet_repro.weights.evaluate import Evaluation


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Errors are in %; `confusion` counts images, with a row for each true class, in the order of `classes`."""
    run, final = evaluation.run, evaluation.run.final
    assert final is not None
    return {
        "run": run.path.as_posix(),
        "name": run.experiment.name,
        "seed": run.experiment.seed,
        "net": net_name(run.experiment.model),
        "steps": final.step,
        "data": evaluation.data,
        "same_data": evaluation.same_data,
        "same_training_data": evaluation.same_training_data,
        "device": evaluation.environment["device_name"],
        "precision": evaluation.environment["precision"],
        "images": evaluation.images,
        "test_error_pct": evaluation.test_error_pct,
        "test_loss": evaluation.test_loss,
        "recorded_test_error_pct": final.test_error_pct,
        "recorded_test_loss": final.test_loss,
        "agrees": evaluation.agrees,
        "verdict": evaluation.verdict(),
        "classes": list(evaluation.classes),
        "class_error_pct": evaluation.class_error_pct(),
        "most_confused": [pair._asdict() for pair in evaluation.most_confused()],
        "confusion": [list(row) for row in evaluation.confusion],
    }


def print_evaluation(evaluation: Evaluation) -> None:
    """Test error and loss beside the recorded ones, the data, the error of each class, and the most confused pairs."""
    run, final, environment = evaluation.run, evaluation.run.final, evaluation.environment
    assert final is not None
    print_table(
        f"{net_name(run.experiment.model)}, {run.path}, {schedule_phrase(run.experiment.training)}",
        ["", "test error %", "test loss"],
        [
            [f"now, {environment['device_name']}, {environment['precision']}",
             f"{evaluation.test_error_pct:.2f}", f"{evaluation.test_loss:.4f}"],
            [f"recorded, {run.device_name}, "
             f"{run.environment.get('precision', 'unknown precision')}",
             f"{final.test_error_pct:.2f}", f"{final.test_loss:.4f}"],
        ],
    )  # fmt: skip
    print(printable(evaluation.verdict()))
    for line in data_lines(evaluation):
        print(printable(line))
    print()
    errors = evaluation.class_error_pct()
    rows = [
        [name, str(sum(row)), "–" if (error := errors[name]) is None else f"{error:.1f}"]
        for name, row in zip(evaluation.classes, evaluation.confusion, strict=True)
    ]
    print_table("error of each class", ["class", "images", "error %"], rows)
    rows = [
        [pair.true, pair.predicted, str(pair.images), f"{pair.share_pct:.1f}"] for pair in evaluation.most_confused()
    ]
    print_table("most confused", ["true class", "predicted class", "images", "% of the class"], rows)


def data_lines(evaluation: Evaluation) -> list[str]:
    """Whether the data are the true CIFAR-10, and whether the run was trained on them."""
    data = evaluation.data
    same = {
        True: "the same data that the run was trained and tested on",
        False: "NOT the data that the run was trained and tested on",
        None: "the run did not record which data it was trained on",
    }[evaluation.same_data]
    lines = [f"data: {data['name']}, {counted(evaluation.images, 'image')}; {exactness(data)}; {same}"]
    if evaluation.same_training_data is False:
        lines.append("the subtracted mean is that of other training images than the run's, which costs some accuracy")
    return lines


def exactness(data: dict[str, Any]) -> str:
    """Whether the data are the true CIFAR-10, in words."""
    return (
        "the true CIFAR-10, recognised by its digest" if data["exact"] else "NOT EXACT: this is not the true CIFAR-10"
    )


def figure_name(evaluation: Evaluation) -> str:
    """The file name without its ending: "confusion-quick-resnet20-seed-0"."""
    return f"confusion-{evaluation.run.experiment.label.replace('/', '-')}"


def conditions(evaluation: Evaluation) -> str:
    """The lines below the figure's title: net, data, test error, run, schedule and device."""
    run = evaluation.run
    net, device = net_name(run.experiment.model), run.device_name
    trained_on = "" if evaluation.same_data else f" {run.data_name},"
    return (
        f"{net} · {evaluation.data['name']} · "
        f"test error {evaluation.test_error_pct:.2f} % of {counted(evaluation.images, 'image')}\n"
        f"{run.experiment.label} · {schedule_phrase(run.experiment.training)}\n"
        f"trained on{trained_on} {device}"
    )


def caption(evaluation: Evaluation) -> str:
    """The figure's caption, with everything that a reader needs who sees only the figure."""
    run = evaluation.run
    worst = evaluation.most_confused(3)
    pairs = "; ".join(f"{pair.true} as {pair.predicted}, {counted(pair.images, 'image')}" for pair in worst) or "none"
    device = run.device_name
    lines = [
        f"Confusion matrix of {net_name(run.experiment.model)}. A cell is the share of the images of its row's true "
        "class for which the net predicted its column's class, in %. The diagonal, the images that the net classified "
        "correctly, is grey; the error of each class is at the right.",
        f"From the final weights of the run {run.experiment.label}, trained on {device}: "
        f"{schedule_phrase(run.experiment.training)}. Another seed would misclassify somewhat different images.",
        f"Test error {evaluation.test_error_pct:.2f} %, which {evaluation.verdict()}. Most confused: {pairs}.",
        *data_lines(evaluation),
    ]
    return "\n".join(printable(line) for line in lines) + "\n"
