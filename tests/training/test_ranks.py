"""The parts of distributed training that one process can test."""

from pathlib import Path

import pytest
import torch
from small_runs import CPU, experiment, random_dataset

from resnet_repro.errors import RunError
from resnet_repro.launch.tasks import find_tasks
from resnet_repro.runner.assembly import build_trainer, dropout_seeds
from resnet_repro.runner.options import TrainOptions
from resnet_repro.training.distributed import ALONE, Ranks, joined_ranks

two = Ranks(0, 2)


@pytest.mark.parametrize("splits", [3, 6])
def test_parts_of_bn_that_ranks_cannot_share_are_refused(splits: int) -> None:
    asked = experiment(batch_size=12)
    asked = asked.model_copy(update={"model": asked.model.model_copy(update={"batch_norm_splits": splits})})
    with pytest.raises(RunError, match=f"batch_norm_splits: {splits} cannot be shared equally by 4 ranks"):
        build_trainer(asked, random_dataset(), CPU, ranks=Ranks(0, 4))


def test_runs_side_by_side_are_refused_under_torchrun(tmp_path: Path) -> None:
    options = TrainOptions(tmp_path, tmp_path, "cpu", 2, ranks=two)
    with pytest.raises(RunError, match=r"--jobs 2: torchrun has all of its ranks train one run after another"):
        find_tasks([experiment()], options)


def test_the_ranks_shares_are_consecutive_rows() -> None:
    rows = torch.arange(12).view(6, 2)
    assert torch.equal(torch.cat([Ranks(rank, 3).share(rows) for rank in range(3)]), rows)
    assert torch.equal(ALONE.share(rows), rows)


def test_ranks_have_different_dropout_seeds_and_the_first_those_of_one_process() -> None:
    def seeds_of(ranks: Ranks) -> list[int]:
        return dropout_seeds(3, first=6, count=2, layers=2, ranks=ranks)[1].tolist()

    assert seeds_of(two) == seeds_of(ALONE)
    assert len({*seeds_of(two), *seeds_of(Ranks(1, 2)), *seeds_of(Ranks(2, 3))}) == 6


def test_each_rank_takes_the_gpu_of_its_local_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    taken: list[torch.device] = []
    monkeypatch.setattr("torch.cuda.set_device", taken.append)
    assert Ranks(5, 6, local_rank=1).device("auto") == torch.device("cuda:1")
    assert taken == [torch.device("cuda:1")]
    assert Ranks(1, 2, local_rank=1).device("cpu") == CPU
    with pytest.raises(RunError, match="rank 2: this machine has 2 GPUs; start no more ranks on it than that"):
        Ranks(2, 3, local_rank=2).device("cuda")
    with pytest.raises(RunError, match="--device cuda:1: several ranks take a GPU each"):
        two.device("cuda:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert two.device("auto") == CPU


def test_torchrun_with_one_rank_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    with joined_ranks("cpu") as ranks:
        assert ranks == ALONE
