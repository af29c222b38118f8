"""A mask embedding: what the masks of one defect look like, as tokens for a prior.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
Eq. 9: k' tokens are learned in the frozen prior by the plain diffusion loss on images of the
support masks. Departures: a mask is seen through a square around it, of one size for all masks of a
defect, instead of squeezed with the whole image, so that small defects are more than a dot; and
unless told otherwise the squares are mirrored and turned, as a few masks are soon known by heart.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.concept import Concept
from anogen.concept.learning import fitted
from anogen.concept.settings import MaskSettings
from anogen.concept.views import Shot
from anogen.placement.box import Box
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import seed_of

ROOM = 1.5
"""Side of the square over the longest side of the largest mask."""

CHECKS = 20
"""Times that the mean loss of the steps so far is noted."""

OnStep = Callable[[int, int], None]


def square_side(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Side of a defect's squares, as a share of the square root of an image's pixels.

    Args:
        masks: support masks, boolean ``(H, W)``, none empty.
    """
    longest = []
    for mask in masks:
        box = Box.around(mask)
        longest.append(max(box.width, box.height) / np.sqrt(mask.size))
    return ROOM * float(max(longest))


def mask_squares(masks: Sequence[NDArray[np.bool_]], size: int) -> NDArray[np.float32]:
    """Each mask in the middle of its square, float32 ``(n, size, size)`` in [0, 1].

    Args:
        masks: support masks, boolean ``(H, W)``, none empty.
        size: pixels of a side.
    """
    share = square_side(masks)
    squares = []
    for mask in masks:
        box, side = Box.around(mask), round(share * np.sqrt(mask.size))
        square = np.zeros((side, side), np.float32)
        top, left = (side - box.height) // 2, (side - box.width) // 2
        square[top : top + box.height, left : left + box.width] = mask[box.slices]
        method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        squares.append(cv2.resize(square, (size, size), interpolation=method))
    return np.stack(squares)


def learn_mask_embedding(
    prior: LatentDiffusion,
    shots: Sequence[Shot],
    *,
    category: str,
    defect: str,
    settings: MaskSettings,
    seed: int,
    on_step: OnStep | None = None,
) -> Concept:
    """The mask embedding ``e_m`` of Eq. 9, kept as a concept is.

    Args:
        prior: the frozen prior.
        shots: the support shots of the defect, of which only the masks are looked at.
        category: name that goes into the file.
        defect: name that goes into the file.
        settings: how to learn.
        seed: with category and defect the only source of randomness.
        on_step: called with the steps done and all steps.

    Raises:
        ValueError: without a shot.
        InputError: if the prior does not know the word to start from.
    """
    if not shots:
        raise ValueError("a mask embedding needs masks to learn from")
    seed = seed_of(seed, category, defect)
    squares = mask_squares([shot.mask for shot in shots], prior.image_size)
    if settings.turned:
        squares = np.concatenate([_turned(square) for square in squares])
    images = torch.from_numpy(squares)[:, None].expand(-1, 3, -1, -1) * 2 - 1
    with torch.no_grad():
        latents = torch.cat([prior.encode(part.contiguous()) for part in torch.split(images, 16)])
    generator = torch.Generator().manual_seed(seed_of(seed, "mask tokens"))
    tokens = _start(prior, settings, generator).requires_grad_()
    optimizer = torch.optim.Adam([tokens], lr=settings.learning_rate)
    losses: list[float] = []
    total, every = 0.0, max(1, settings.steps // CHECKS)
    count = settings.batch_size
    for step in range(settings.steps):
        rows = torch.randint(0, len(latents), (count,), generator=generator)
        timestep = torch.randint(0, len(prior.alphas_cumprod), (count,), generator=generator)
        clean = latents[rows]
        noise = torch.randn(clean.shape, generator=generator)
        level = prior.alphas_cumprod[timestep].to(clean.dtype).view(-1, 1, 1, 1)
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        context = prior.context(tokens.expand(count, -1, -1))
        loss = (prior.predict_noise(noisy, timestep, context) - noise).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach())
        if (step + 1) % every == 0:
            losses.append(round(total / every, 6))
            total = 0.0
        if on_step is not None:
            on_step(step + 1, settings.steps)
    return Concept(
        category=category,
        defect=defect,
        tokens=tokens.detach(),
        prior=prior.fingerprint,
        shots=tuple({"key": s.key, "sha256": s.sha256} for s in shots),
        settings=settings.model_dump(mode="json"),
        losses=tuple(losses),
        word=settings.init,
    )


def _turned(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """A square in its eight positions."""
    return np.stack([np.rot90(s, turn) for s in (square, square.T) for turn in range(4)])


def _start(prior: LatentDiffusion, settings: MaskSettings, generator: torch.Generator) -> Tensor:
    """The tokens before learning: random ones with the spread of a word's, or a word's own."""
    if settings.init != "random":
        return fitted(prior, prior.word_tokens(settings.init), settings.tokens)
    known = prior.words()
    spread = prior.word_tokens(known[-1] if known else "defect").std()
    return spread * torch.randn(settings.tokens, prior.token_dim, generator=generator)
