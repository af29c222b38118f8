"""Latents of scenes on disk, so that the denoiser's training never pays for the autoencoder."""

import io
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from anogen.files import write_bytes
from anogen.placement.box import Box
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.precision import matrix_precision
from anogen.prior.pretrain.scenes import Scenes, read_shard


@dataclass(frozen=True)
class LatentScenes:
    """Scenes as the denoiser sees them; ``s`` is the latents' side.

    Attributes:
        good: float16 ``(N, C, s, s)``, latents of the good windows.
        image: float16 ``(N, C, s, s)``, latents of the defective windows.
        mask: float16 ``(N, 1, s, s)``, share of each cell that is defective.
        box: float16 ``(N, 1, s, s)``, share of each cell inside the box.
        word: int16 ``(N,)``, index into the defect words.
    """

    good: NDArray[np.float16]
    image: NDArray[np.float16]
    mask: NDArray[np.float16]
    box: NDArray[np.float16]
    word: NDArray[np.int16]


def encode_scenes(model: SurfaceAutoencoder, scenes: Scenes) -> LatentScenes:
    """Encode one shard in batches."""

    def encode(images: NDArray[np.uint8]) -> NDArray[np.float16]:
        parts = []
        for chunk in torch.split(torch.from_numpy(images), 64):
            x = (chunk.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(
                memory_format=torch.channels_last
            )
            with torch.no_grad(), matrix_precision():
                parts.append(model.encode(x).half().contiguous())
        return torch.cat(parts).numpy()

    def shrink(masks: NDArray[np.uint8]) -> NDArray[np.float16]:
        shares = torch.from_numpy(masks).float()[:, None] / 255
        return F.avg_pool2d(shares, SurfaceAutoencoder.factor).half().numpy()

    size = scenes.good.shape[1]
    boxes = np.stack([Box(*map(int, row)).mask(size, size) for row in scenes.box])
    return LatentScenes(
        good=encode(scenes.good),
        image=encode(scenes.image),
        mask=shrink(scenes.mask),
        box=shrink(boxes.astype(np.uint8) * 255),
        word=scenes.word,
    )


def latent_path(folder: Path, index: int) -> Path:
    """Where the latents of shard ``index`` lie."""
    return folder / "latents" / f"{index:05d}.npz"


def write_latents(folder: Path, index: int, model: SurfaceAutoencoder) -> None:
    """Encode shard ``index`` unless that is done."""
    path = latent_path(folder, index)
    if path.exists():
        return
    buffer = io.BytesIO()
    np.savez(buffer, **vars(encode_scenes(model, read_shard(folder, index))))
    write_bytes(path, buffer.getvalue())


def read_latents(folder: Path, shards: int) -> LatentScenes:
    """The latents of shards 0 to ``shards - 1``, joined (8.7 kB a scene in memory)."""
    parts: dict[str, list[NDArray[np.generic]]] = {f.name: [] for f in fields(LatentScenes)}
    for index in range(shards):
        with np.load(latent_path(folder, index), allow_pickle=False) as arrays:
            for name in parts:
                parts[name].append(arrays[name])
    return LatentScenes(**{name: np.concatenate(arrays) for name, arrays in parts.items()})
