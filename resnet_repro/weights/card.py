"""Writes the model card of an exported net: what it is, its data, its errors, and how to load it."""

from typing import Any

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.wording import published_value
from resnet_repro.data import CLASSES
from resnet_repro.errors import printable
from resnet_repro.papers.data import CIFAR10_NAME
from resnet_repro.papers.sources import PAPERS, Paper
from resnet_repro.record.run import SPEC, Run
from resnet_repro.spec import PAPER_STEPS, ModelSpec, TrainingSpec
from resnet_repro.spec.naming import drops_phrase, net_name, short_phrase
from resnet_repro.spec.own import IMPORTED, used_files
from resnet_repro.spec.yaml_source import dump
from resnet_repro.text_tables import counted, markdown_table

MODEL, PREPROCESSING, PROGRAM = "model.safetensors", "preprocessing.safetensors", "model.pt2"
CONFIG, README = "config.json", "README.md"

FIXUP = Paper(
    "Fixup Initialization: Residual Learning Without Normalization", "Zhang, Dauphin, Ma, 2019",
    "https://arxiv.org/abs/1901.09321",
)  # fmt: skip
IMPORTS = "<imports>"  # in LOADING, where the user's own files are imported
LOADING = f"""\
## How to load it

With torch only, including the preprocessing; `images` are uint8 of shape (N, 3, 32, 32), red, green and blue from 0 to
255, and the logits float32 of shape (N, 10). The net is in evaluation mode already.

```python
import torch
net = torch.export.load("{PROGRAM}").module()
logits = net(images)
```

With resnet-repro, as a module that you can inspect and train further. Its input is
`(images.float() - mean) * scale`, with the `mean`, pixel by pixel, and the `scale` of `{PREPROCESSING}`.

```python
import resnet_repro, safetensors.torch
{IMPORTS}net = resnet_repro.build_net(resnet_repro.load_spec("{SPEC}")).eval()
net.load_state_dict(safetensors.torch.load_file("{MODEL}"))
```

The safetensors files hold only numbers and text; load `{PROGRAM}` only if you trust its source.
"""
SHARING = """\
## How to share it

`hf upload USER/NAME .` in this folder uploads it to the Hugging Face Hub, which reads the first lines of this page. It
needs `pip install huggingface_hub` and, once, `hf auth login`.
"""
TASK = "image-classification"
HUB_CIFAR10 = "uoft-cs/cifar10"  # the data set's name on the Hub


def model_card(run: Run, parameters: int) -> str:
    """The card as Markdown, with the front matter that model hubs read; text from the run's files is set as code."""
    experiment = run.experiment
    name, exact = net_name(experiment.model), run.is_cifar10
    steps = experiment.training.steps
    trained = f"Trained for {counted(steps, 'step')}; the paper's schedule has {PAPER_STEPS:,}."
    imports = "".join(f'resnet_repro.import_file("{IMPORTED}/{file.name}")  # the net needs it\n'
                      for file in used_files(experiment))  # fmt: skip
    short = f"**{trained} These are not the paper's errors.**"
    warnings = [short] * (steps < PAPER_STEPS)
    warnings += ["**Not trained on the true CIFAR-10.**"] * (not exact)
    return "\n\n".join([
        f"---\n{dump(_front_matter(run))}---",
        f"# {name}, seed {experiment.seed}",
        f"A net for 32x32 colour images of ten classes, trained with resnet-repro: the run `{experiment.label}`.",
        *warnings,
        markdown_table(["", ""], [[field, value] for field, value in _facts(run, parameters)], escape=False),
        LOADING.replace(IMPORTS, imports)
        + f"\nIn the order of the logits: {', '.join(CLASSES[experiment.data.dataset])}.",
        "## Papers\n\n" + "\n".join(_papers(experiment.model)),
        SHARING.rstrip(),
        "## Licence and limits\n\n" + "\n".join(f"- {limit}" for limit in _limits(run)),
    ]) + "\n"  # fmt: skip


def _front_matter(run: Run) -> dict[str, Any]:
    """What model hubs read; the names are those of Hugging Face's model cards.

    The result is only there for the test set of the true CIFAR-10, as a result of the Hub names one of its data sets.
    """
    front: dict[str, Any] = {"license": "mit", "library_name": "pytorch", "pipeline_tag": TASK}
    if not run.is_cifar10:
        return front
    front["datasets"] = [HUB_CIFAR10]
    final = run.final
    if run.experiment.data.validation_images or final is None or final.test_error_pct is None:
        return front
    accuracy = round(1 - final.test_error_pct / 100, 6)  # which the Hub counts from 0 to 1
    result = {
        "task": {"type": TASK, "name": "Image Classification"},
        "dataset": {"name": CIFAR10_NAME, "type": HUB_CIFAR10, "split": "test"},
        "metrics": [{"type": "accuracy", "value": accuracy, "name": "Accuracy", "verified": False}],
    }
    return {**front, "model-index": [{"name": printable(run.experiment.label), "results": [result]}]}


def _facts(run: Run, parameters: int) -> list[tuple[str, str]]:
    experiment, final = run.experiment, run.final
    assert final is not None
    exact = "the true CIFAR-10, by its digest" if run.is_cifar10 else "**not the true CIFAR-10**"
    held_out = experiment.data.validation_images
    tested_on = f"the last {held_out:,} training images, held out, **not the test set**" if held_out else (
        counted(experiment.data.test_images, "test image"))  # fmt: skip
    clean = min(experiment.training.clean_images, experiment.data.epoch_images)
    return [
        ("net", f"{net_name(experiment.model)}: {experiment.model.depth} weighted layers, {parameters:,} parameters"),
        ("data", f"{_code(run.data.get('name'))}, {exact}; augmentation {experiment.data.augmentation}"),
        *((f"SHA-256 of the {split} images", _code(digest))
          for split, digest in zip(("training", "test"), run.digest.split(), strict=False)),
        ("test error", f"{final.test_error_pct:.2f} % of {tested_on} (loss {final.test_loss:.4f})"),
        ("training error", f"{final.train_error_clean_pct:.2f} % of {clean:,} training images without augmentation; "
                           f"{run.result('train_error_pct'):.2f} % while training, on augmented ones"),
        *_published(run),
        ("schedule", _schedule(experiment.training)),
        *_start(run),
        ("seed", str(experiment.seed)),
        *_origin(run.environment),
        ("preprocessing", "subtract the training images' mean of each pixel, then multiply by one scale"),
    ]  # fmt: skip


def _schedule(training: TrainingSpec) -> str:
    warmup = f", from {training.warmup.learning_rate:g} in a warm-up" if training.warmup else ""
    short = f" (**{phrase}**)" if (phrase := short_phrase(training)) else ""
    nesterov = " (Nesterov)" if training.nesterov else ""
    return (
        f"{counted(training.steps, 'step')} of {training.batch_size}{short}; "
        f"learning rate {training.learning_rate:g}{warmup}{drops_phrase(training)}; "
        f"SGD with momentum {training.momentum:g}{nesterov}, weight decay {training.weight_decay:g}"
    )


def _start(run: Run) -> list[tuple[str, str]]:
    """The net from which the run started, if it was that of another run."""
    start = run.origin
    digest = f"; SHA-256 of its weights {_code(start.get('weights_sha256'))}"
    grown = f"grown from {start.get('depth')} layers after {run.steps_before:,} steps"
    source = run.experiment.source
    return [("started from", f"the net of {_code(source)}, {grown}{digest}")] if source else []


def _published(run: Run) -> list[tuple[str, str]]:
    """The papers' result for this net, if they have one."""
    entry = comparable_groups([run])[0].entries[0]
    number = published_number(entry, "test_error_pct")
    return (
        [("the papers' test error", f"{published_value(number)} % at full length, {number.source}")] if number else []
    )


def _origin(environment: dict[str, Any]) -> list[tuple[str, str]]:
    """The device, versions and commit that the run recorded."""
    git, versions = environment.get("git") or {}, environment.get("versions") or {}
    changed = " with uncommitted changes" if git.get("dirty") else ""
    return [
        ("device", f"{_code(environment.get('device_name'))} in {_code(environment.get('precision'))}"),
        ("versions", ", ".join(f"{_code(name)} {_code(version)}" for name, version in versions.items()) or "unknown"),
        ("commit of resnet-repro", f"{_code(git.get('commit'))}{changed}"),
    ]


def _papers(model: ModelSpec) -> list[str]:
    """The papers that describe the parts of this net, as a Markdown list."""
    usual = (model.unit, model.block) == ("original", "basic") and model.shortcut in ("none", "identity")
    letters = ["R", *["I"] * (not usual), *["B"] * (model.normalization == "batch"),
               *["F"] * (model.initialization == "fixup")]  # fmt: skip
    papers = {**PAPERS, "F": FIXUP}
    return [f"- [{x}] {papers[x].authors}: [{papers[x].title}]({papers[x].url})" for x in letters]


def _limits(run: Run) -> list[str]:
    precision = run.environment.get("precision")
    limits = [
        "The weights are under the MIT licence, as is resnet-repro. The training images are not part of this folder.",
        "The net assigns one of its ten classes to any image; its confidence was not calibrated.",
        "One run with one seed, at its last step, not its best; another seed gives slightly different errors.",
        "A net to study, not to rely on: only the errors above were measured.",
    ]
    if precision not in (None, "fp32"):
        limits.append(
            f"The errors were measured in {_code(precision)}; `{PROGRAM}` computes in fp32, and may classify a few "
            "images differently."
        )
    return limits


def _code(value: object) -> str:
    """Text from a run's files as Markdown code, so that nothing in it acts as Markdown or HTML."""
    text = printable(str("unknown" if value is None else value))[:200].replace("`", "'")
    return f"`{text or 'unknown'}`"
