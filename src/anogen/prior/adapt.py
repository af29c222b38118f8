"""Fitting the embedded prior to one product: a far narrower world than all surfaces.

The good images of the product are cut into windows, the world's rendered defects are drawn on
them, and the denoiser trains on for a while just as it was pretrained: it learns the product's
surface (the word ``normal``) and rehearses every word of its vocabulary on that very surface, so
that defects are not forgotten. Tokens and autoencoder stay as they are: concepts of the
vocabulary keep their meaning.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import save

from anogen.files import write_bytes
from anogen.placement.window import Window
from anogen.prior.embedded import EmbeddedPrior, load_embedded
from anogen.prior.pretrain.checkpoint import TrainingState
from anogen.prior.pretrain.latents import encode_scenes
from anogen.prior.pretrain.scenes import Scenes, draw_box
from anogen.prior.pretrain.train_denoiser import denoising_loss, draw_examples
from anogen.prior.world.defects import WORDS, draw_defect
from anogen.seeds import rng_of, seed_of


class AdaptSettings(BaseModel):
    """How long and how fast the prior is fitted to a product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=0, ge=0, description="optimiser steps; 0 leaves the prior as it is")
    batch_size: int = Field(default=32, ge=1, description="windows a step")
    windows: int = Field(default=768, ge=1, description="windows cut from the good images")
    learning_rate: float = Field(default=3e-4, gt=0, description="of AdamW, falling to a tenth")
    zoom: float = Field(
        default=2.0, ge=1, description="windows are up to so many times the prior's own size"
    )


def product_scenes(
    goods: Sequence[NDArray[np.uint8]], size: int, count: int, *, zoom: float, seed: int
) -> Scenes:
    """Windows of good images with rendered defects of every word drawn on them.

    Args:
        goods: uint8 ``(H, W, 3)``.
        size: the prior's image size.
        count: number of scenes.
        zoom: largest window, as a multiple of ``size``; never larger than the image.
        seed: of everything random.
    """
    good = np.empty((count, size, size, 3), np.uint8)
    image = np.empty_like(good)
    mask = np.empty((count, size, size), np.uint8)
    box = np.empty((count, 4), np.int16)
    word = np.empty(count, np.int16)
    everywhere = np.ones((size, size), dtype=bool)
    for row in range(count):
        rng = rng_of(seed, "product scene", row)
        source = goods[int(rng.integers(len(goods)))]
        height, width = source.shape[:2]
        side = min(round(size * float(np.exp(rng.uniform(0, np.log(zoom))))), height, width)
        x, y = (int(rng.integers(0, room - side + 1)) for room in (width, height))
        window = np.clip(Window(x, y, side).cut(source, size), 0, 255)
        turned = np.rot90(window, int(rng.integers(4)))
        mirrored = turned[:, ::-1] if rng.random() < 0.5 else turned
        clean = np.ascontiguousarray(mirrored, dtype=np.float32) / np.float32(255)
        place = draw_box(everywhere, rng)
        word[row] = row % len(WORDS)
        drawn, soft = draw_defect(WORDS[word[row]], clean, everywhere, place.mask(size, size), rng)
        good[row] = np.round(clean * 255)
        image[row] = np.round(np.clip(drawn, 0, 1) * 255)
        mask[row] = np.round(np.clip(soft, 0, 1) * 255)
        box[row] = place.as_list()
    return Scenes(good, image, mask, box, word)


def adapt(
    prior: EmbeddedPrior,
    goods: Sequence[NDArray[np.uint8]],
    path: Path,
    *,
    settings: AdaptSettings,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> EmbeddedPrior:
    """Fit a copy of the prior to good images and write it to ``path``.

    Args:
        prior: the embedded prior; used up, do not go on with it.
        goods: good images, uint8 ``(H, W, 3)``.
        path: the ``.safetensors`` file; a prior like any other, with its own fingerprint.
        settings: how.
        seed: of everything random.
        on_step: called with the steps done and all steps.

    Returns:
        The adapted prior, loaded from ``path``.
    """
    scenes = encode_scenes(
        prior.autoencoder,
        product_scenes(goods, prior.image_size, settings.windows, zoom=settings.zoom, seed=seed),
    )
    prior.denoiser.to(memory_format=torch.contiguous_format)
    prior.denoiser.set_attn_processor(AttnProcessor())
    prior.denoiser.train().requires_grad_(True)
    state = TrainingState(
        {"denoiser": prior.denoiser}, learning_rate=settings.learning_rate, decay=0.99
    )
    first_word = prior.vocabulary.index(WORDS[0])
    for step in range(settings.steps):
        rng = rng_of(seed, "adapt", step)
        picked = rng.integers(0, len(scenes.word), settings.batch_size)
        examples = draw_examples(scenes, picked, rng, first_word)
        generator = torch.Generator().manual_seed(seed_of(seed, "adapt noise", step))
        loss = denoising_loss(prior, examples, generator).mean()
        state.step(loss, rate=1 - 0.9 * step / settings.steps)
        if on_step is not None:
            on_step(step + 1, settings.steps)
    prior.denoiser.load_state_dict(state.averaged("denoiser"))
    tensors = {name: t.half().contiguous() for name, t in prior.state_dict().items()}
    write_bytes(path, save(tensors, {"config": json.dumps(prior.config)}))
    return load_embedded(path)
