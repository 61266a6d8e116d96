"""Scaled weights: BN cancels the scale, and the gradient is divided by it."""

import pytest
from small_nets import engine_of, found_by, images_and_labels, instruments_on, small_net


@pytest.mark.parametrize("model", [{}, {"shortcut": "none"}, {"unit": "full_preactivation"}, {"option": "B"}])
def test_bn_cancels_the_scale_and_divides_the_gradient_by_it(model: dict[str, object]) -> None:
    found = found_by("weight_scale", small_net(**model, batch_norm_epsilon=1e-12))
    assert found.pop(("net", "loss")) == pytest.approx(1, abs=1e-4)
    assert {name for _, name in found} == {"gradient"}
    assert len(found) >= 3
    assert list(found.values()) == pytest.approx([1] * len(found), abs=1e-3)


def test_the_layers_are_those_that_bn_directly_follows() -> None:
    plain = {layer for layer, name in found_by("weight_scale", small_net(shortcut="none")) if name == "gradient"}
    assert plain == {"stem.conv1.weight", *(f"stage{stage}.0.branch.conv{conv}.weight" for stage in (1, 2, 3)
                                            for conv in (1, 2))}  # fmt: skip
    last_before_addition = "stage1.0.branch.conv2.weight"
    found = found_by("weight_scale", small_net(unit="full_preactivation"))
    assert (last_before_addition, "gradient") not in found


def test_without_bn_the_scale_changes_the_loss_and_the_gradient_of_every_layer() -> None:
    found = found_by("weight_scale", small_net(shortcut="none", normalization="none"))
    assert abs(found.pop(("net", "loss")) - 1) > 0.1
    assert len(found) == 7
    assert all(abs(value - 1) > 0.1 for value in found.values())


def test_an_epsilon_that_is_not_small_is_what_breaks_it() -> None:
    found = found_by("weight_scale", small_net(batch_norm_epsilon=10.0))
    assert abs(found[("net", "loss")] - 1) > 0.01


def test_gradients_that_a_training_step_left_stay_as_they_were() -> None:
    engine, (images, labels) = engine_of(small_net()), images_and_labels()
    engine.train_step(images, labels, 0.1)
    before = [parameter.grad.clone() for parameter in engine.net.parameters()]
    list(instruments_on(engine, "weight_scale").measure(1))
    assert all((p.grad == g).all() for p, g in zip(engine.net.parameters(), before, strict=True))
