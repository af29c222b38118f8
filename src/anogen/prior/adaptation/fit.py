"""The training of an adaptation: the pretraining's own loss on scenes of one product."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.embedded import EmbeddedPrior
from anogen.prior.pretrain.checkpoint import TrainingState
from anogen.prior.pretrain.latents import LatentScenes
from anogen.prior.pretrain.train_denoiser import denoising_loss, draw_examples
from anogen.prior.vocabulary import GENERIC
from anogen.seeds import rng_of, seed_of

SAVE_EVERY = 100
"""Steps between checkpoints: about a minute on one core."""

OnStep = Callable[[int, int], None]


def prepare(prior: EmbeddedPrior) -> None:
    """Make a prior ready to train, in place; memory layout and attention as in pretraining."""
    prior.denoiser.to(memory_format=torch.contiguous_format)
    prior.denoiser.set_attn_processor(AttnProcessor())
    prior.denoiser.train()


def fit(
    prior: EmbeddedPrior,
    modules: Mapping[str, nn.Module],
    scenes: LatentScenes,
    *,
    settings: AdaptSettings,
    seed: int,
    checkpoint: Path,
    on_step: OnStep | None = None,
) -> TrainingState:
    """Train parts of a prior on scenes; goes on from ``checkpoint`` if it is there.

    Args:
        prior: a prior that was made ready by :func:`prepare`.
        modules: the parts that learn, by name.
        scenes: what they learn from.
        settings: how.
        seed: of everything random.
        checkpoint: written every :data:`SAVE_EVERY` steps; for the caller to remove.
        on_step: called with the steps done and all steps.

    Returns:
        The parts' averaged weights are in it.
    """
    state = TrainingState(dict(modules), learning_rate=settings.learning_rate, decay=0.99)
    if checkpoint.exists():
        state.load(checkpoint)
    while state.done < settings.steps:
        rng = rng_of(seed, "adapt", state.done)
        picked = rng.integers(0, len(scenes.word), settings.batch_size)
        examples = draw_examples(
            scenes, picked, rng, len(GENERIC), normal_share=settings.normal_share
        )
        generator = torch.Generator().manual_seed(seed_of(seed, "adapt noise", state.done))
        loss = denoising_loss(prior, examples, generator).mean()
        state.step(loss, rate=1 - 0.9 * state.done / settings.steps)
        if state.done % SAVE_EVERY == 0 and state.done < settings.steps:
            state.save(checkpoint)
        if on_step is not None:
            on_step(state.done, settings.steps)
    return state
