"""Windows of scenes, shard after shard, for what trains on pictures."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anogen.prior.pretrain.scenes import read_shard, shard_path
from anogen.seeds import rng_of


def wait_for(path: Path) -> None:
    """Block until another process has written ``path``."""
    while not path.exists():
        time.sleep(1.0)


def windows_of(folder: Path, index: int) -> Tensor:
    """Good and defective windows of a shard, uint8 ``(2N, 3, S, S)``."""
    wait_for(shard_path(folder, index))
    scenes = read_shard(folder, index)
    return torch.from_numpy(np.concatenate([scenes.good, scenes.image])).permute(0, 3, 1, 2)


class WindowBatches:
    """A batch for each step: shards in turn, each window of a shard once in a visit.

    Args:
        folder: working folder with the shards.
        shards: how many there are; after the last comes the first again, in another order.
        visit: steps on a shard before the next.
        seed: of the orders.
        name: of the training, so that two do not share their orders.
    """

    def __init__(self, folder: Path, *, shards: int, visit: int, seed: int, name: str) -> None:
        self._folder, self._shards, self._visit = folder, shards, visit
        self._seed, self._name = seed, name
        self._loaded = -1
        self._windows = torch.empty(0)
        self._rows: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []

    def __call__(self, step: int) -> Tensor:
        """Windows ``(B, 3, S, S)`` in [-1, 1], channels last."""
        visit = step // self._visit
        if visit != self._loaded:
            self._windows = windows_of(self._folder, visit % self._shards)
            self._loaded = visit
            order = rng_of(self._seed, self._name, visit).permutation(len(self._windows))
            self._rows = np.array_split(order, self._visit)
        picked = self._windows[torch.from_numpy(self._rows[step % self._visit])]
        return (picked.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
