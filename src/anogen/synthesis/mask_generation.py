"""Masks from a learned embedding: AnomalyDiffusion's own way to get more of them.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
Eq. 9: k' tokens are learned on images of the support masks by the plain diffusion loss, and new
masks are sampled with them and binarised. As in the released code a pixel belongs to the mask where
the mean of its channels exceeds 0.8 in [-1, 1], and a mask that covers more than a third of one of
the image's borders is refused. Departures: empty masks and copies are refused too, and the search
has an end. Where a prior was never shown a mask, ``placement.masks`` varies the real ones instead.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.errors import InputError
from anogen.placement.masks import COPY, LEAST_AREA
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.seeds import seed_of

WHITE = 0.8
"""Mean of the channels, in [-1, 1], from which a pixel is in the mask (``generate_mask.py``)."""

MOST_BORDER = 1 / 3
"""Share of a border line that a mask may cover (``check_mask``)."""


def learn_mask_tokens(
    prior: LatentDiffusion,
    masks: Sequence[NDArray[np.bool_]],
    start: Tensor,
    *,
    steps: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
) -> Tensor:
    """The mask embedding ``e_m`` of Eq. 9, ``(k', token_dim)``.

    Args:
        prior: the frozen prior.
        masks: support masks, boolean ``(H, W)``, none empty.
        start: tokens ``(k', token_dim)`` to start from; random ones in the paper.
        steps: of Adam.
        learning_rate: of Adam.
        batch_size: masks a step.
        seed: the only source of randomness.

    Raises:
        ValueError: without a mask.
    """
    if not masks:
        raise ValueError("a mask embedding needs masks to learn from")
    size = prior.image_size
    squares = [
        cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        for mask in masks
    ]
    images = torch.from_numpy(np.stack(squares))[:, None].expand(-1, 3, -1, -1) * 2 - 1
    with torch.no_grad():
        latents = prior.encode(images.contiguous())
    generator = torch.Generator().manual_seed(seed_of(seed, "mask tokens"))
    tokens = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([tokens], lr=learning_rate)
    for _ in range(steps):
        rows = torch.randint(0, len(latents), (batch_size,), generator=generator)
        timestep = torch.randint(0, len(prior.alphas_cumprod), (batch_size,), generator=generator)
        clean = latents[rows]
        noise = torch.randn(clean.shape, generator=generator)
        level = prior.alphas_cumprod[timestep].to(clean.dtype).view(-1, 1, 1, 1)
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        context = prior.context(tokens.expand(batch_size, -1, -1))
        loss = (prior.predict_noise(noisy, timestep, context) - noise).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return tokens.detach()


@torch.no_grad()
def draw_masks(
    prior: LatentDiffusion,
    tokens: Tensor,
    count: int,
    *,
    supports: Sequence[NDArray[np.bool_]],
    settings: SamplerSettings,
    seed: int,
    attempts: int = 20,
    batch_size: int = 16,
) -> list[NDArray[np.bool_]]:
    """``count`` new masks, boolean ``(S, S)`` with S the prior's image size.

    Args:
        prior: the prior that the tokens were learned in.
        tokens: ``(k', token_dim)``, see :func:`learn_mask_tokens`.
        count: how many are wanted.
        supports: the masks that were learned from, of which no copy is wanted.
        settings: how to sample; guidance 5 and 100 steps of DDIM at eta 1 in the released code.
        seed: with a mask's number the only source of its randomness.
        attempts: batches for each that is wanted before the search ends.
        batch_size: masks a batch.

    Raises:
        InputError: if too few masks were found, with the most frequent reason.
    """
    size = prior.image_size
    known = [
        cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5
        for mask in supports
    ]
    shape = (prior.latent_channels, prior.latent_size, prior.latent_size)
    found: list[NDArray[np.bool_]] = []
    broken: dict[str, int] = {}
    for turn in range(attempts * -(-count // batch_size)):
        seeds = [seed_of(seed, "mask", turn * batch_size + row) for row in range(batch_size)]
        generators = [torch.Generator().manual_seed(one) for one in seeds]
        latents = blended_sampling(
            prior,
            normal=torch.zeros(batch_size, *shape),
            region=torch.ones(batch_size, 1, *shape[1:]),
            context=prior.context(tokens.expand(batch_size, -1, -1)),
            surroundings=None,
            noise=torch.stack([torch.randn(shape, generator=g) for g in generators]),
            settings=settings,
            step_noise=generators,
        )
        for image in prior.decode(latents).mean(dim=1).numpy():
            mask = np.asarray(image > WHITE)
            problem = _problem(mask, known)
            if problem is None:
                found.append(mask)
            else:
                broken[problem] = broken.get(problem, 0) + 1
        if len(found) >= count:
            return found[:count]
    worst = max(broken, key=lambda reason: broken[reason])
    raise InputError(
        f"only {len(found)} of {count} masks could be drawn from the mask embedding; most of the "
        f"others {worst}. Learn it for more steps, or vary the real masks instead."
    )


def _problem(mask: NDArray[np.bool_], known: Sequence[NDArray[np.bool_]]) -> str | None:
    """Why a mask is refused, or None."""
    if mask.sum() < LEAST_AREA:
        return "were empty"
    if any(line.mean() > MOST_BORDER for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1])):
        return "lay along the image's border"
    if any((mask & one).sum() >= COPY * (mask | one).sum() for one in known):
        return "were copies of a support mask"
    return None
