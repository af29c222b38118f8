"""Training scenes on disk: a good window, the same window with a defect, its mask, box and word."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.files import write_bytes
from anogen.placement.box import Box
from anogen.prior import photographs
from anogen.prior.world import render_good
from anogen.prior.world.defects import WORDS, draw_defect
from anogen.seeds import rng_of

SHARD = 512
"""Scenes in a shard: 75 MB in memory, about 40 MB on disk."""

PHOTOGRAPH_SHARE = 0.4
"""Share of scenes whose good window is a photograph; the others are rendered."""


@dataclass(frozen=True)
class Scenes:
    """A shard of scenes.

    Attributes:
        good: uint8 ``(N, S, S, 3)``, windows without a defect.
        image: uint8 ``(N, S, S, 3)``, the same windows with one.
        mask: uint8 ``(N, S, S)``, 0 to 255, the defect.
        box: int16 ``(N, 4)``, half-open boxes in pixels in which the defect was drawn.
        word: int16 ``(N,)``, index into ``WORDS``.
    """

    good: NDArray[np.uint8]
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    box: NDArray[np.int16]
    word: NDArray[np.int16]


def draw_box(foreground: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    """A box of 16 to 112 pixels a side (at a window of 128), mostly on the foreground."""
    size = foreground.shape[0]
    best, best_share = Box(0, 0, size, size), -1.0
    for _ in range(8):
        side = size * float(np.exp(rng.uniform(np.log(0.14), np.log(0.85))))
        aspect = float(np.exp(rng.normal(0, 0.45)))
        width = int(np.clip(side * aspect, 14, 0.9 * size))
        height = int(np.clip(side / aspect, 14, 0.9 * size))
        x, y = int(rng.integers(0, size - width + 1)), int(rng.integers(0, size - height + 1))
        box = Box(x, y, x + width, y + height)
        share = float(foreground[box.slices].mean())
        if share > best_share:
            best, best_share = box, share
        if share >= 0.6:
            break
    return best


def make_shard(
    index: int, *, seed: int, size: int, photograph_folder: Path | None, count: int = SHARD
) -> Scenes:
    """Scenes of shard ``index``; they depend on ``seed`` and ``index`` only."""
    rng = rng_of(seed, "scenes", index)
    photos = round(count * PHOTOGRAPH_SHARE) if photograph_folder is not None else 0
    windows: NDArray[np.uint8] = np.empty((0, size, size, 3), np.uint8)
    if photograph_folder is not None:
        windows = photographs.windows(photograph_folder, photos, size, rng)
    good = np.empty((count, size, size, 3), np.uint8)
    image = np.empty_like(good)
    mask = np.empty((count, size, size), np.uint8)
    box = np.empty((count, 4), np.int16)
    word = np.empty(count, np.int16)
    for row in range(count):
        if row < photos:
            clean = windows[row].astype(np.float32) / 255
            foreground = np.ones((size, size), bool)
        else:
            rendered = render_good(rng, size)
            clean, foreground = rendered.image, rendered.foreground
        place = draw_box(foreground, rng)
        word[row] = rng.integers(len(WORDS))
        drawn, soft = draw_defect(WORDS[word[row]], clean, foreground, place.mask(size, size), rng)
        good[row] = np.round(np.clip(clean, 0, 1) * 255)
        image[row] = np.round(np.clip(drawn, 0, 1) * 255)
        mask[row] = np.round(np.clip(soft, 0, 1) * 255)
        box[row] = place.as_list()
    return Scenes(good, image, mask, box, word)


def shard_path(folder: Path, index: int) -> Path:
    """Where shard ``index`` lies."""
    return folder / "scenes" / f"{index:05d}.npz"


def write_shards(
    folder: Path,
    shards: range,
    *,
    seed: int,
    size: int = 128,
    photograph_folder: Path | None = None,
) -> Iterator[int]:
    """Render the shards that are not there yet, each written atomically; yields each index."""
    for index in shards:
        path = shard_path(folder, index)
        if not path.exists():
            scenes = make_shard(index, seed=seed, size=size, photograph_folder=photograph_folder)
            buffer = io.BytesIO()
            np.savez(buffer, **vars(scenes))
            write_bytes(path, buffer.getvalue())
        yield index


def read_shard(folder: Path, index: int) -> Scenes:
    """Read one shard."""
    with np.load(shard_path(folder, index), allow_pickle=False) as arrays:
        return Scenes(**{name: arrays[name] for name in arrays.files})
