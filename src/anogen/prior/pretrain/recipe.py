"""The whole recipe of the embedded prior, from scenes to one file."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from anogen.files import write_bytes
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.embedded import EmbeddedPrior, build
from anogen.prior.pretrain.latents import read_latents, write_latents
from anogen.prior.pretrain.scenes import write_shards
from anogen.prior.pretrain.train_autoencoder import train_autoencoder
from anogen.prior.pretrain.train_correction import train_correction
from anogen.prior.pretrain.train_denoiser import train_denoiser
from anogen.prior.vocabulary import GENERIC
from anogen.prior.world.defects import WORDS
from anogen.seeds import seed_of

CONFIG: dict[str, Any] = {
    "image_size": 128,
    "latent_size": 16,
    # With eight, rough textures (biscuits) stayed at 24.8 dB (benchmarks/prior/history.md).
    "latent_channels": 16,
    "token_dim": 128,
    # Widths and attention levels: the fastest of seven shapes that fit 30 MB in half precision.
    "widths": [80, 128, 128],
    "attention": [False, True, True],
    "depth": 2,
    # Variance that a defect adds to latents of unit variance, averaged over a box.
    "defect_variance": 0.25,
    "words": [*GENERIC, *WORDS],
}


def load_autoencoder(path: Path) -> SurfaceAutoencoder:
    """A trained autoencoder of a working folder."""
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()["config"])
    model = SurfaceAutoencoder(**config)
    model.load_state_dict(load_file(path))
    model.requires_grad_(False)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def new_prior(
    autoencoder: SurfaceAutoencoder, *, seed: int, config: dict[str, Any] = CONFIG
) -> EmbeddedPrior:
    """A prior with fresh denoiser and vocabulary around a trained autoencoder."""
    torch.manual_seed(seed_of(seed, "denoiser weights"))
    prior = build(config | {"autoencoder": autoencoder.config})
    prior.autoencoder.load_state_dict(autoencoder.state_dict())
    return prior


def pack(prior: EmbeddedPrior) -> bytes:
    """All weights in half precision, with the configuration in the header."""
    tensors = {name: t.half().contiguous() for name, t in prior.state_dict().items()}
    packed: bytes = save(tensors, {"config": json.dumps(prior.config)})
    return packed


def pretrain(
    folder: Path,
    *,
    photograph_folder: Path | None,
    shards: int,
    autoencoder_steps: int,
    correction_steps: int,
    denoiser_steps: int,
    seed: int,
) -> Path:
    """Make everything that is not there yet; a kill at any time loses minutes at most.

    Args:
        folder: working folder; scenes take 75 MB a shard.
        photograph_folder: photographs of ``python -m anogen.prior.photographs``; None renders all.
        shards: shards of scenes.
        autoencoder_steps: batches of 32 windows.
        correction_steps: batches of 16 windows.
        denoiser_steps: batches of 64 scenes.
        seed: of everything random.

    Returns:
        The file to use as a prior.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in write_shards(
        folder, range(shards), seed=seed, photograph_folder=photograph_folder
    ):
        print(f"scenes: shard {index + 1} of {shards}", file=sys.stderr)
    guessing, corrected = folder / "autoencoder.safetensors", folder / "corrected.safetensors"
    if not guessing.exists():
        train_autoencoder(folder, shards=shards, steps=autoencoder_steps, seed=seed)
    if not corrected.exists():
        model = load_autoencoder(guessing)
        train_correction(folder, model, shards=shards, steps=correction_steps, seed=seed)
    autoencoder = load_autoencoder(corrected)
    for index in range(shards):
        write_latents(folder, index, autoencoder)
    prior = new_prior(autoencoder, seed=seed)
    state = train_denoiser(
        folder, prior, read_latents(folder, shards), steps=denoiser_steps, seed=seed
    )
    prior.denoiser.load_state_dict(state.averaged("denoiser"))
    prior.vocabulary.load_state_dict(state.averaged("vocabulary"))
    path = folder / "embedded.safetensors"
    write_bytes(path, pack(prior))
    return path
