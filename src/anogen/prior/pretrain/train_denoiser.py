"""Training of the denoiser and its vocabulary on latents of scenes.

Every example is one of three tasks: draw the word's defect, draw any ``defect``, restore the
``normal`` surface. The region is the box or, less often, the defect's own mask; the normal under
it is sometimes blanked. So one network serves AnoGen (box, surroundings only), AnomalyDiffusion
(mask) and drawing onto the given surface.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from anogen.prior.embedded import TOUCHED, EmbeddedPrior
from anogen.prior.pretrain.checkpoint import TrainingState
from anogen.prior.pretrain.latents import LatentScenes
from anogen.prior.pretrain.log import TrainingLog
from anogen.seeds import rng_of, seed_of

BATCH = 64
LOG_EVERY, SAVE_EVERY = 50, 250
NORMAL_SHARE = 0.12
GENERIC_SHARE = 0.2
EMPTY_SHARE = 0.1
MASK_REGION_SHARE = 0.2
BLANK_SHARE = 0.3
OUTSIDE_WEIGHT, REGION_WEIGHT, MASK_WEIGHT = 0.1, 0.9, 2.0
"""Weights of the loss on a latent cell: everywhere, plus in the region, plus on the defect."""


@dataclass(frozen=True)
class Examples:
    """One batch of the denoiser's training; shapes as in :class:`LatentScenes`, float32."""

    target: Tensor
    surroundings: Tensor
    region: Tensor
    weight: Tensor
    rows: Tensor
    """Word rows of the vocabulary ``(B,)``; -1 is the empty context."""


def draw_examples(
    scenes: LatentScenes,
    picked: np.ndarray[Any, Any],
    rng: np.random.Generator,
    first_word: int,
    *,
    normal_share: float = NORMAL_SHARE,
) -> Examples:
    """Turn scenes into examples; ``first_word`` is the vocabulary row of the first defect word."""
    count = len(picked)
    good = torch.from_numpy(scenes.good[picked]).float()
    image = torch.from_numpy(scenes.image[picked]).float()
    mask = torch.from_numpy(scenes.mask[picked]).float()
    box = torch.from_numpy(scenes.box[picked]).float()
    normal = torch.from_numpy(rng.random(count) < normal_share)
    generic = torch.from_numpy(rng.random(count) < GENERIC_SHARE)
    empty = torch.from_numpy(rng.random(count) < EMPTY_SHARE)
    by_mask = torch.from_numpy(rng.random(count) < MASK_REGION_SHARE)
    blank = torch.from_numpy(rng.random(count) < torch.where(normal, 0.85, BLANK_SHARE).numpy())
    rows = torch.from_numpy(scenes.word[picked].astype(np.int64)) + first_word
    rows = torch.where(generic, 1, rows)
    rows = torch.where(normal, 0, rows)
    rows = torch.where(empty, -1, rows)

    def column(flag: Tensor) -> Tensor:
        return flag[:, None, None, None]

    target = torch.where(column(normal), good, image)
    region = torch.where(column(by_mask & ~normal), (mask > TOUCHED).float(), box)
    surroundings = torch.where(column(blank), good * (1 - region), good)
    changed = torch.where(column(normal), torch.zeros_like(mask), mask)
    weight = OUTSIDE_WEIGHT + REGION_WEIGHT * region + MASK_WEIGHT * changed
    return Examples(target, surroundings, region, weight, rows)


def denoising_loss(prior: EmbeddedPrior, examples: Examples, generator: torch.Generator) -> Tensor:
    """Weighted squared error of the velocity at random timesteps, one value an example ``(B,)``."""
    count = len(examples.target)
    timestep = torch.randint(0, len(prior.alphas_cumprod), (count,), generator=generator)
    noise = torch.randn(examples.target.shape, generator=generator)
    level = prior.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
    noisy = level.sqrt() * examples.target + (1 - level).sqrt() * noise
    velocity = level.sqrt() * noise - (1 - level).sqrt() * examples.target
    predicted = prior.predict_velocity(
        noisy,
        timestep,
        prior.vocabulary(examples.rows),
        examples.surroundings,
        examples.region,
    )
    error = (predicted - velocity).square() * examples.weight
    channels = examples.target.shape[1]
    return error.sum(dim=(1, 2, 3)) / (examples.weight.sum(dim=(1, 2, 3)) * channels)


def train_denoiser(
    folder: Path,
    prior: EmbeddedPrior,
    scenes: LatentScenes,
    *,
    steps: int,
    seed: int,
    learning_rate: float = 8e-4,
) -> TrainingState:
    """Train to ``steps``; resumes from and saves to ``denoiser-state.safetensors``."""
    # On these small maps plain matrix products and channels-first norms train a third faster
    # than the fused attention and channels-last.
    prior.denoiser.set_attn_processor(AttnProcessor())
    prior.denoiser.train()
    modules = {"denoiser": prior.denoiser, "vocabulary": prior.vocabulary}
    state = TrainingState(modules, learning_rate=learning_rate, decay=0.998, weight_decay=0.01)
    path = folder / "denoiser-state.safetensors"
    if path.exists():
        state.load(path)
    first_word = prior.vocabulary.index("defect") + 1
    log = TrainingLog(folder / "denoiser.jsonl", done=state.done)
    started, losses = time.monotonic(), []
    while state.done < steps:
        rng = rng_of(seed, "denoiser", state.done)
        picked = rng.integers(0, len(scenes.word), BATCH)
        examples = draw_examples(scenes, picked, rng, first_word)
        generator = torch.Generator().manual_seed(seed_of(seed, "denoiser noise", state.done))
        loss = denoising_loss(prior, examples, generator).mean()
        state.step(loss, rate=min(1.0, (state.done + 1) / 300) * cooling(state.done, steps))
        losses.append(float(loss.detach()))
        if state.done % LOG_EVERY == 0:
            line = {"step": state.done, "loss": round(float(np.mean(losses[-LOG_EVERY:])), 5)}
            line["seconds"] = round(time.monotonic() - started, 1)
            log.write(line)
        if state.done % SAVE_EVERY == 0 or state.done == steps:
            state.save(path)
    log.close()
    return state


def cooling(step: int, steps: int) -> float:
    """Constant, then linearly down to a twentieth over the last fifth of training."""
    left = (steps - step) / (0.2 * steps)
    return max(0.05, min(1.0, left))
