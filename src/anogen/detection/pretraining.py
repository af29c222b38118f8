"""Where quick detectors start: the same networks, trained on rendered and photographed surfaces.

From random weights a few hundred steps are hardly enough to learn what an edge is. The scenes of
the embedded prior (a good window, the same one with a rendered defect, the defect's mask) teach
that once, for all products: no real defect and no inspected product is among them.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from anogen.detection.contract import Batch
from anogen.detection.network_detector import to_metadata
from anogen.detection.saved import MODEL, make_detector
from anogen.detection.settings import RANDOM, preset
from anogen.detection.training import train
from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.prior.pretrain.scenes import SHARD, Scenes, read_shard, shard_path, write_shards
from anogen.seeds import rng_of

SIZE = 128
"""Side of the scenes' windows."""


class SceneBatches:
    """Batches of scenes, mirrored and turned; each scene is read once before any a second time.

    Args:
        folder: holds the scenes, as ``anogen.prior.pretrain.scenes.write_shards`` leaves them.
        shards: how many of them.
        batch_size: windows a batch; a divisor of ``SHARD``.
        good_share: share of windows that are shown without their defect.
    """

    def __init__(
        self, folder: Path, *, shards: int, batch_size: int = 32, good_share: float = 0.25
    ) -> None:
        if SHARD % batch_size:
            raise ValueError(f"batches of {batch_size} do not fill a shard of {SHARD}")
        self.folder, self.shards, self.batch_size = folder, shards, batch_size
        self.good_share = good_share
        self._read: tuple[int, Scenes] | None = None

    def batch(self, step: int, *, seed: int) -> Batch:
        """The batch of ``step`` (from 0) under ``seed``."""
        a_shard = SHARD // self.batch_size
        turn, position = divmod(step, a_shard * self.shards)
        nth, part = divmod(position, a_shard)
        scenes = self._scenes(int(rng_of(seed, "shards", turn).permutation(self.shards)[nth]))
        order = rng_of(seed, "rows", turn, nth).permutation(len(scenes.good))
        rows = order[part * self.batch_size : (part + 1) * self.batch_size]
        rng = rng_of(seed, "scene batch", step)
        good = rng.random(len(rows)) < self.good_share
        image = np.where(good[:, None, None, None], scenes.good[rows], scenes.image[rows])
        mask = (scenes.mask[rows] >= 128) & ~good[:, None, None]
        flips, turns = rng.random(2) < 0.5, int(rng.integers(4))

        def turned(array: NDArray[np.uint8]) -> Tensor:
            array = array[:, :: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
            return torch.from_numpy(np.rot90(array, turns, axes=(1, 2)).copy())

        return Batch(
            image=turned(image).permute(0, 3, 1, 2),
            normal=turned(scenes.good[rows]).permute(0, 3, 1, 2),
            mask=turned(mask.view(np.uint8)).float()[:, None],
            weak=torch.zeros(len(rows), dtype=torch.bool),
        )

    def fingerprint(self) -> str:
        """Hex hash of the first shard and of how the others are used."""
        digest = hashlib.sha256(shard_path(self.folder, 0).read_bytes())
        digest.update(f"{self.shards} {self.batch_size} {self.good_share}".encode())
        return digest.hexdigest()

    def _scenes(self, index: int) -> Scenes:
        if self._read is None or self._read[0] != index:
            self._read = index, read_shard(self.folder, index)
        return self._read[1]


def pretrain(
    folder: Path,
    detector: str,
    *,
    photograph_folder: Path | None,
    shards: int,
    steps: int,
    seed: int,
) -> Path:
    """Train the network of ``detector`` under ``quick`` on scenes; a kill loses minutes at most.

    Args:
        folder: working folder, which the embedded prior's recipe may share; scenes that are not
            there yet are rendered, 75 MB a shard.
        detector: unet or draem.
        photograph_folder: photographs of ``python -m anogen.prior.photographs``; None renders all.
        shards: of scenes.
        steps: batches of 32 windows.
        seed: of everything random.

    Returns:
        The weights in half precision: what the package carries for the setting ``start``.

    Raises:
        InputError: for a detector that has no pretrained start.
    """
    quick = preset(detector, "quick")
    if not quick.packaged:
        raise InputError(f"{detector} has no pretrained start; pretrain unet or draem.")
    for index in write_shards(
        folder, range(shards), seed=seed, photograph_folder=photograph_folder
    ):
        print(f"scenes: shard {index + 1} of {shards}", file=sys.stderr)
    settings = quick.model_copy(
        update={"image_size": SIZE, "batch_size": 32, "steps": steps, "start": RANDOM}
    )
    batches = SceneBatches(folder, shards=shards, batch_size=settings.batch_size)
    work = folder / "detectors" / detector
    made = make_detector(settings, seed=seed)
    train(made, batches, steps=steps, seed=seed, folder=work)
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in load_file(work / MODEL).items()
    }
    path = work / f"{detector}.safetensors"
    header = {"settings": settings.model_dump_json(), "scenes": batches.fingerprint()}
    write_bytes(path, to_bytes(weights, metadata=to_metadata(header)))
    return path
