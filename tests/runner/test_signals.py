"""Which signals stop a training with a checkpoint, and which end it at once."""

import signal
import time
from collections.abc import Iterator

import pytest

from resnet_repro.runner.signals import signals_that_stop, stop_signals


@pytest.fixture(autouse=True)
def _closing_terminals_count() -> Iterator[None]:
    """If the tests run under nohup, SIGHUP is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


# SLURM and LSF send the last two.
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_before_the_end_stops_a_training_with_a_checkpoint(name: str) -> None:
    with stop_signals() as stopped:
        assert not stopped()
        signal.raise_signal(signal.Signals[name])
        assert stopped()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1"])
def test_a_signal_that_is_ignored_as_under_nohup_stays_so(name: str) -> None:
    before = signal.signal(signal.Signals[name], signal.SIG_IGN)
    try:
        assert signal.Signals[name] not in signals_that_stop()
        with stop_signals() as stopped:
            signal.raise_signal(signal.Signals[name])
            assert not stopped()
    finally:
        signal.signal(signal.Signals[name], before)


def test_only_a_second_request_of_a_person_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("resnet_repro.runner.signals.time.monotonic", lambda: now)
    with stop_signals():
        signal.raise_signal(signal.SIGUSR1)
        now += 60
        signal.raise_signal(signal.SIGHUP)  # the terminal closes while the checkpoint is written
        signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
