"""Pretraining on scenes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anogen.detection.pretraining import SceneBatches
from anogen.prior.pretrain.scenes import SHARD, shard_path

SIDE = 8


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards; the red of a scene's first pixels is its number, its defect is one pixel."""
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "scenes").mkdir()
    for index in range(2):
        good = np.zeros((SHARD, SIDE, SIDE, 3), np.uint8)
        good[..., 0] = (np.arange(SHARD) % 256)[:, None, None]
        good[..., 1] = (np.arange(SHARD) // 256 + 2 * index)[:, None, None]
        image, mask = good.copy(), np.zeros((SHARD, SIDE, SIDE), np.uint8)
        image[:, 1, 2, 2] = 255
        mask[:, 1, 2] = 255
        np.savez(
            shard_path(folder, index),
            good=good,
            image=image,
            mask=mask,
            box=np.zeros((SHARD, 4), np.int16),
            word=np.zeros(SHARD, np.int16),
        )
    return folder


def test_every_scene_is_shown_once_before_any_a_second_time(scenes: Path) -> None:
    batches = SceneBatches(scenes, shards=2, batch_size=64)
    shown = []
    for step in range(2 * SHARD // 64):
        normal = batches.batch(step, seed=3).normal.numpy()
        shown += [tuple(pixel) for pixel in normal[:, :2, 0, 0]]
    assert len(set(shown)) == len(shown) == 2 * SHARD


def test_masks_say_what_differs_from_the_good_window(scenes: Path) -> None:
    batches = SceneBatches(scenes, shards=2)
    bare = 0
    for step in range(8):
        batch = batches.batch(step, seed=0)
        differs = (batch.image != batch.normal).any(dim=1, keepdim=True).float()
        assert torch.equal(differs, batch.mask)
        assert not batch.weak.any()
        bare += int((batch.mask.sum(dim=(1, 2, 3)) == 0).sum())
    assert 0.1 < bare / (8 * 32) < 0.4  # a quarter is shown without its defect


def test_a_batch_depends_on_step_and_seed_alone(scenes: Path) -> None:
    first = SceneBatches(scenes, shards=2)
    first.batch(9, seed=1)
    again, other = SceneBatches(scenes, shards=2), SceneBatches(scenes, shards=2)
    assert torch.equal(first.batch(40, seed=1).image, again.batch(40, seed=1).image)
    assert not torch.equal(first.batch(40, seed=1).image, other.batch(40, seed=2).image)


def test_batches_must_fill_a_shard(scenes: Path) -> None:
    with pytest.raises(ValueError, match="do not fill"):
        SceneBatches(scenes, shards=2, batch_size=48)
