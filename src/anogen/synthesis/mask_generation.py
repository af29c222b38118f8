"""Masks sampled with a mask embedding: AnomalyDiffusion's own way to get more of them.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
section "Mask generation": with the embedding of Eq. 9 (``concept.mask_embedding``) new masks are
sampled and binarised. As in the released code a pixel belongs to the mask where the mean of its
channels exceeds 0.8 in [-1, 1], DDIM samples at eta 1, and a mask that is cut off by a border is
refused. Departures: empty masks, illegal sizes and copies are refused too (``Rules`` of
``placement.learned_masks``), and the search has an end.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.concept import Concept
from anogen.concept.mask_embedding import square_side
from anogen.concept.settings import MaskSettings
from anogen.errors import InputError
from anogen.placement.learned_masks import PROBLEMS, Rules
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.seeds import seed_of

WHITE = 0.8
"""Mean of the channels, in [-1, 1], from which a pixel is in the mask (``generate_mask.py``)."""

OnMasks = Callable[[int, int], None]


@torch.no_grad()
def sample_masks(
    prior: LatentDiffusion,
    embedding: Concept,
    *,
    supports: Sequence[NDArray[np.bool_]],
    settings: MaskSettings,
    seed: int,
    on_masks: OnMasks | None = None,
) -> NDArray[np.bool_]:
    """Legal new masks, boolean ``(n, S, S)`` with S the prior's image size.

    Their squares have the side that :func:`~anogen.concept.mask_embedding.square_side` gives. There
    are ``settings.count`` of them, or fewer where ``settings.attempts`` times as many samples do
    not yield more.

    Args:
        prior: the prior that the embedding was learned in.
        embedding: see :func:`~anogen.concept.mask_embedding.learn_mask_embedding`.
        supports: the masks that were learned from, boolean ``(H, W)``.
        settings: how many, and how to sample.
        seed: with category, defect and a sample's number the only source of its randomness.
        on_masks: called with the masks found and wanted after each batch.

    Raises:
        InputError: if the embedding belongs to another prior, or no legal mask was found, with the
            most frequent reason.
    """
    embedding.check(prior.fingerprint)
    rules = Rules(supports, side=square_side(supports), size=prior.image_size)
    identity = (seed, embedding.category, embedding.defect, "mask")
    found: list[NDArray[np.bool_]] = []
    broken: Counter[str] = Counter()
    for first in range(0, settings.attempts * settings.count, settings.batch_size):
        last = min(first + settings.batch_size, settings.attempts * settings.count)
        seeds = [seed_of(*identity, number) for number in range(first, last)]
        for mask in _batch(prior, embedding.tokens, seeds, settings):
            problem = rules.problem(mask)
            if problem is None:
                found.append(mask)
            else:
                broken[problem] += 1
        if on_masks is not None:
            on_masks(min(len(found), settings.count), settings.count)
        if len(found) >= settings.count:
            break
    if not found:
        worst, times = broken.most_common(1)[0]
        raise InputError(
            f"{embedding.category}/{embedding.defect}: none of {broken.total()} sampled masks is "
            f"legal; {times} {PROBLEMS[worst]}. Learn masks for more steps (masks.steps), or vary "
            "the real ones instead (masks.source=varied)."
        )
    return np.stack(found[: settings.count])


def _batch(
    prior: LatentDiffusion, tokens: Tensor, seeds: Sequence[int], settings: MaskSettings
) -> NDArray[np.bool_]:
    """Samples before they are judged, boolean ``(B, S, S)``."""
    batch, shape = len(seeds), (prior.latent_channels, prior.latent_size, prior.latent_size)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    latents = blended_sampling(
        prior,
        # All of a square is drawn, so nothing of this is seen.
        normal=torch.zeros(batch, *shape),
        region=torch.ones(batch, 1, *shape[1:]),
        context=prior.context(tokens.expand(batch, -1, -1)),
        surroundings=None,
        noise=torch.stack([torch.randn(shape, generator=g) for g in generators]),
        settings=SamplerSettings(
            solver="ddim", eta=1.0, steps=settings.sampling_steps, guidance=settings.guidance
        ),
        step_noise=generators,
    )
    masks: NDArray[np.bool_] = prior.decode(latents).mean(dim=1).numpy() > WHITE
    return masks
