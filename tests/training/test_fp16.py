"""Training in fp16 and its loss scale."""

import copy

import pytest
import torch
from engines import CPU, batch_of, small_net

from resnet_repro.training.engine import Engine


def test_fp16_steps_are_close_to_fp32_steps_at_any_loss_scale() -> None:
    """If the gradients were not divided by the scale, they would be thousands of times too large."""
    exact, half = (Engine(small_net(), CPU, precision, 0.9, False, 1e-4) for precision in ("fp32", "fp16"))
    assert half.scaler.get_scale() == 65536
    for scale in (65536.0, 64.0):
        half.restore({**copy.deepcopy(exact.state()), "scaler": {**half.scaler.state_dict(), "scale": scale}})
        batch = batch_of(8, seed=0, side=16)
        losses = [engine.train_step(*batch, 0.01).loss for engine in (exact, half)]
        assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.01)
        gradients = [torch.cat([p.grad.flatten() for p in engine.net.parameters()]) for engine in (exact, half)]
        assert (gradients[0] - gradients[1]).norm() < 0.1 * gradients[0].norm()


def test_an_fp16_step_whose_gradients_overflow_changes_no_weight_and_halves_the_scale() -> None:
    engine = Engine(small_net(), CPU, "fp16", 0.9, False, 1e-4)
    engine.train_step(*batch_of(8, seed=0, side=16), 0.05)
    engine.scaler.load_state_dict({**engine.scaler.state_dict(), "scale": 1e30})
    before = copy.deepcopy(engine.state())
    outcome = engine.train_step(*batch_of(8, seed=1, side=16), 0.05)
    assert outcome.loss.isfinite()
    after = engine.state()
    assert all(torch.equal(*pair) for pair in zip(before["momentum"], after["momentum"], strict=True))
    assert all(torch.equal(before["net"][name], parameter) for name, parameter in engine.net.named_parameters())
    assert after["scaler"]["scale"] == pytest.approx(5e29)


def test_a_restored_engine_keeps_its_tensors_in_place_and_its_scale() -> None:
    engine, other = (Engine(small_net(), CPU, "fp16", 0.9, False, 1e-4) for _ in range(2))
    places = [tensor.data_ptr() for tensor in [*engine.net.state_dict().values(), *engine.state()["momentum"]]]
    other.scaler.load_state_dict({**other.scaler.state_dict(), "scale": 8.0})
    for step in range(2):
        other.train_step(*batch_of(8, seed=step, side=16), 0.05)
    engine.restore(copy.deepcopy(other.state()))
    assert [t.data_ptr() for t in [*engine.net.state_dict().values(), *engine.state()["momentum"]]] == places
    batch = batch_of(8, seed=2, side=16)
    assert torch.equal(engine.train_step(*batch, 0.05).loss, other.train_step(*batch, 0.05).loss)
    assert engine.scaler.get_scale() == 8
    for one, another in zip(engine.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(one, another)
