"""The rules of a spec's model section: its defaults, the tables it names, and one line for every refusal."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resnet_repro.errors import SpecError
from resnet_repro.models.build import SHORTCUTS
from resnet_repro.models.initialization import CLASSIFIER_INITIALIZATIONS, INITIALIZATIONS
from resnet_repro.models.layers import ACTIVATIONS
from resnet_repro.models.units import BLOCKS, UNITS
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.spec.file import dump_spec, load_spec
from resnet_repro.spec.model import COMES_WITH, LAYERS_OF_BLOCK

STEPS = {"basic": 6, "bottleneck": 9, "single_layer": 3}  # layers that one unit more a stage adds

# Overrides of a 20-layer net, the field that is to blame, and the reason and remedy.
REFUSALS = [
    ("depth=21", "depth", "21 is not 6n+2; nearest are 20 and 26"),
    ("depth=7", "depth", "7 is not 6n+2; the smallest is 8"),
    ("block=bottleneck depth=50", "depth", "50 is not 9n+2; nearest are 47 and 56"),
    ("block=bottleneck depth=8", "depth", "8 is not 9n+2; the smallest is 11"),
    ("block=single_layer depth=19", "depth", "19 is not 3n+2; nearest are 17 and 20"),
    ("block=single_layer depth=2", "depth", "2 is not 3n+2; the smallest is 5"),
    ("shortcut_scale=0.5", "shortcut_scale", "goes with model.shortcut: scaled alone; remove it"),
    ("branch_scale=0.5", "branch_scale", "goes with model.shortcut: scaled alone; remove it"),
    ("gate_bias=-6.0", "gate_bias", "goes with model.shortcut: exclusive_gate or shortcut_only_gate alone; remove it"),
    ("shortcut_dropout=0.5", "shortcut_dropout", "goes with model.shortcut: dropout alone; remove it"),
    ("initialization_std=0.01", "initialization_std", "goes with model.initialization: gaussian alone; remove it"),
    ("shortcut=scaled branch_scale=1.0", "shortcut_scale", "is missing; model.shortcut: scaled needs it"),
    ("shortcut=scaled shortcut_scale=0.0", "branch_scale", "is missing; model.shortcut: scaled needs it"),
    ("shortcut=exclusive_gate", "gate_bias", "is missing; model.shortcut: exclusive_gate needs it"),
    ("shortcut=shortcut_only_gate", "gate_bias", "is missing; model.shortcut: shortcut_only_gate needs it"),
    ("shortcut=dropout", "shortcut_dropout", "is missing; model.shortcut: dropout needs it"),
    ("classifier_initialization=gaussian", "classifier_initialization_std", "is missing; model.classifier_init"),
    ("classifier_initialization_std=0.1", "classifier_initialization_std", "goes with model.classifier_initialization"),
    ("classifier_initialization=torch", "classifier_initialization", "'torch' should be 'uniform', 'he'"),
    ("initialization=gaussian", "initialization_std", "is missing; model.initialization: gaussian needs it"),
    ("shortcut=none option=B", "option", "a plain net has no shortcut to project; remove it or set model.shortcut"),
    ("shortcut=none block=bottleneck option=A", "option", "a plain net has no shortcut to project"),
    ("shortcut=conv1x1 option=B", "option", "conv1x1 projects in every unit, so there is no choice; remove it"),
    ("shortcut=none unit=full_preactivation", "unit", "a plain net has no addition"),
    ("normalization=none unit=bn_after_addition", "unit", "says where BN stands, and model.normalization is none"),
    ("normalization=none batch_norm_momentum=0.2", "batch_norm_momentum", "there is no BN, as model.normalization"),
    ("normalization=none batch_norm_epsilon=0.1", "batch_norm_epsilon", "there is no BN, as model.normalization"),
    ("normalization=none batch_norm_splits=2", "batch_norm_splits", "there is no BN, as model.normalization"),
    ("normalization=none batch_norm_sync=true", "batch_norm_sync", "there is no BN, as model.normalization"),
    ("batch_norm_sync=true batch_norm_splits=2", "batch_norm_sync", "joins what batch_norm_splits would keep apart"),
    ("initialization=fixup", "initialization", "fixup stands in for BN; set model.normalization: none"),
    ("initialization=fixup normalization=none shortcut=none", "initialization", "set model.shortcut: identity"),
    ("initialization=fixup normalization=none shortcut=conv1x1", "initialization", "set model.shortcut: identity"),
    ("initialization=fixup normalization=none block=single_layer", "initialization", "set model.block: basic"),
    ("unit=preactivation", "unit", "'preactivation' should be 'original', 'bn_after_addition'"),
    ("block=basics", "block", "'basics' should be 'basic', 'bottleneck' or 'single_layer'"),
    ("shortcut=skip", "shortcut", "'skip' should be 'none', 'identity'"),
    ("option=C", "option", "'C' should be 'A' or 'B'"),
    ("activation=swish", "activation", "'swish' should be 'relu', 'sigmoid' or 'tanh'"),
    ("initialization=orthogonal", "initialization", "'orthogonal' should be 'he', 'he_fan_in'"),
    ("normalization=layer", "normalization", "'layer' should be 'batch' or 'none'"),
    ("dropout=1.0", "dropout", "1.0 should be less than 1"),
    ("dropout=-0.1", "dropout", "-0.1 should be greater than or equal to 0"),
    ("shortcut=dropout shortcut_dropout=1.0", "shortcut_dropout", "1.0 should be less than 1"),
    ("shortcut=scaled shortcut_scale=.inf branch_scale=1.0", "shortcut_scale", "inf should be a finite number"),
    ("initialization=gaussian initialization_std=0.0", "initialization_std", "0.0 should be greater than 0"),
    ("batch_norm_momentum=0.0", "batch_norm_momentum", "0.0 should be greater than 0"),
    ("batch_norm_momentum=1.1", "batch_norm_momentum", "1.1 should be less than or equal to 1"),
    ("batch_norm_epsilon=0.0", "batch_norm_epsilon", "0.0 should be greater than 0"),
    ("batch_norm_splits=0", "batch_norm_splits", "0 should be greater than 0"),
    ("width=0", "width", "0 should be greater than 0"),
    ("wdith=8", "wdith", "unknown key; did you mean width?"),
]

ACCEPTED = [
    "shortcut=none",
    "shortcut=none block=bottleneck",
    "shortcut=none option=A",
    "shortcut=scaled shortcut_scale=0.0 branch_scale=1.0",
    "shortcut=exclusive_gate gate_bias=0.0",
    "shortcut=shortcut_only_gate gate_bias=-6.0 option=B",
    "shortcut=conv1x1",
    "shortcut=dropout shortcut_dropout=0.5",
    "initialization=gaussian initialization_std=0.01",
    "normalization=none initialization=fixup",
    "normalization=none initialization=fixup block=bottleneck unit=full_preactivation",
    "normalization=none batch_norm_momentum=0.1 batch_norm_splits=1",
    "block=bottleneck option=A",
    "block=single_layer unit=full_preactivation dropout=0.3",
    "batch_norm_splits=2 batch_norm_epsilon=0.001 activation=tanh",
]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text("model:\n  depth: 20\n")
    return path


def settings(overrides: str) -> list[str]:
    return [f"model.{override}" for override in overrides.split()]


@pytest.mark.parametrize(("overrides", "field", "reason"), REFUSALS)
def test_a_wrong_choice_is_refused_in_one_line_with_field_and_reason(
    spec: Path, overrides: str, field: str, reason: str
) -> None:
    with pytest.raises(SpecError) as refused:
        load_spec(spec, settings(overrides))
    line = str(refused.value)
    assert f": model.{field}: " in line
    assert reason in line.partition(f": model.{field}: ")[2]
    assert "\n" not in line
    assert "more)" not in line
    given = [setting for setting in settings(overrides) if setting.startswith(f"model.{field}=")]
    assert line.startswith(f"--set {given[0]}: " if given else f"{spec}:")


def test_fixup_is_refused_where_its_zeroed_layers_could_never_move(spec: Path) -> None:
    # Right after a last convolution of zeros the activation is flat at 0, and no gradient ever passes it.
    overrides = settings("normalization=none initialization=fixup unit=relu_before_addition")
    with pytest.raises(SpecError, match="relu_before_addition"):
        load_spec(spec, overrides)


@pytest.mark.parametrize("overrides", ACCEPTED)
def test_a_net_of_the_papers_is_accepted_and_dumped_in_full(spec: Path, overrides: str) -> None:
    experiment = load_spec(spec, settings(overrides))
    for override in overrides.split():
        field, value = override.split("=")
        assert str(getattr(experiment.model, field)) == value
    dumped = spec.with_name("dumped.yaml")
    dumped.write_text(dump_spec(experiment))
    assert load_spec(dumped) == experiment


@given(depth=st.integers(1, 3000), block=st.sampled_from(sorted(STEPS)))
def test_depth_is_2_more_than_whole_units_or_refused_with_the_nearest(depth: int, block: str) -> None:
    step = STEPS[block]
    if depth >= step + 2 and (depth - 2) % step == 0:
        assert ModelSpec.model_validate({"depth": depth, "block": block}).depth == depth
        return
    with pytest.raises(ValidationError) as refused:
        ModelSpec.model_validate({"depth": depth, "block": block})
    message = refused.value.errors()[0]["msg"]
    assert f"depth: {depth} is not {step}n+2; " in message
    if depth < step + 2:
        assert message.endswith(f"the smallest is {step + 2}")
        return
    words = message.split()
    below, above = int(words[-3]), int(words[-1])
    assert below < depth < above == below + step
    assert below % step == 2
    assert ModelSpec.model_validate({"depth": below, "block": block}).depth == below


@pytest.mark.parametrize(
    ("field", "table"),
    [
        ("unit", UNITS),
        ("block", BLOCKS),
        ("shortcut", SHORTCUTS),
        ("activation", ACTIVATIONS),
        ("initialization", INITIALIZATIONS),
        ("classifier_initialization", CLASSIFIER_INITIALIZATIONS),
    ],
)
def test_the_spec_allows_exactly_what_the_table_holds(field: str, table: dict[str, object]) -> None:
    assert set(get_args(ModelSpec.model_fields[field].annotation)) == set(table)


def test_the_depth_rule_of_a_block_follows_from_its_convolutions() -> None:
    assert {name: len(block.kernels) for name, block in BLOCKS.items()} == LAYERS_OF_BLOCK


def test_fields_that_come_with_a_choice_name_choices_that_exist() -> None:
    for field, (owner, kinds) in COMES_WITH.items():
        assert ModelSpec.model_fields[field].default is None
        assert set(kinds) <= set(get_args(ModelSpec.model_fields[owner].annotation))


def test_option_b_is_the_default_of_bottlenecks_and_option_a_of_every_other_block(spec: Path) -> None:
    defaults = {
        block: ModelSpec.model_validate({"depth": step + 2, "block": block}).option for block, step in STEPS.items()
    }
    assert defaults == {"basic": "A", "bottleneck": "B", "single_layer": "A"}
    assert load_spec(spec).model.option == "A"
    assert load_spec(spec, ["model.block=bottleneck"]).model.option == "B"
    assert load_spec(spec, ["model.block=bottleneck", "model.option=A"]).model.option == "A"


def test_the_defaults_are_the_residual_net_of_the_first_paper() -> None:
    assert ModelSpec(depth=20) == ModelSpec(
        depth=20,
        block="basic",
        unit="original",
        shortcut="identity",
        option="A",
        normalization="batch",
        activation="relu",
        initialization="he",
        classifier_initialization="uniform",
        dropout=0.0,
        width=16,
    )
    assert Experiment(name="x", model=ModelSpec(depth=20)).model.batch_norm_splits == 1
