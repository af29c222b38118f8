"""Views of shots as the prior's latents, encoded once for all steps of the learning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot, draw_view
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.seeds import rng_of, seed_of

RESTORED = SamplerSettings(steps=5, guidance=1.0)
"""How the good surface is restored: what 10 steps give, to a fourth of what other noise changes."""

MOST = 16
"""Views that are encoded at a time, at most."""


@dataclass(frozen=True)
class Views:
    """Encoded views of defects, ``V`` of them.

    Attributes:
        latents: ``(V, C, s, s)``.
        mask: ``(V, 1, s, s)``, the defect's share of each cell, no view all zero; by the released
            code's rule zeros and ones, and of a thin defect perhaps no one.
        region: ``(V, 1, s, s)``, the share of each cell in a box around the defect, or the mask.
        surroundings: ``(V, C, s, s)``, what an inpainting prior sees; None for plain priors.
        shape: ``(V, 1, S, S)`` half precision, the mask at the prior's image size for the spatial
            encoder; None without one.
    """

    latents: Tensor
    mask: Tensor
    region: Tensor
    surroundings: Tensor | None
    shape: Tensor | None = None


def encode_views(
    prior: LatentDiffusion, shots: Sequence[Shot], settings: ConceptSettings, seed: int
) -> Views:
    """``settings.views`` augmented views of each shot, in the order of the shots.

    The mask goes to the latent grid by area, so that the smallest defect counts, unless
    ``settings.mask_rule`` says otherwise.
    """
    views = [
        draw_view(shot.image, shot.mask, prior.image_size, settings, rng_of(seed, shot.key, turn))
        for shot in shots
        for turn in range(settings.views)
    ]
    images = torch.from_numpy(np.stack([v.image for v in views])).permute(0, 3, 1, 2) * 2 - 1
    shrink = prior.image_size // prior.latent_size
    shape = torch.from_numpy(np.stack([v.mask for v in views]))[:, None]
    mask = F.avg_pool2d(shape, shrink)
    if settings.mask_rule == "released":
        mask = released_mask(shape, prior.latent_size)
    asked = torch.from_numpy(np.stack([v.box for v in views]))[:, None]
    if settings.region == "mask":
        asked = shape
    region = F.avg_pool2d(asked, shrink)
    # Encoding needs no gradients, so it takes twice the views of a step.
    most = min(MOST, 2 * settings.batch_size)
    with torch.no_grad():
        latents = torch.cat([prior.encode(chunk) for chunk in torch.split(images, most)])
    surroundings = None
    if prior.inpainting:
        if settings.surroundings == "normal" and "normal" in prior.words():
            surroundings = _restored(prior, latents, mask, region, seed, most)
        else:
            chunks = (torch.split(part, most) for part in (images, latents, asked))
            with torch.no_grad():
                parts = [prior.surroundings_of(*chunk) for chunk in zip(*chunks, strict=True)]
            surroundings = torch.cat(parts)
    return Views(
        latents, mask, region, surroundings, None if settings.spatial == "none" else shape.half()
    )


def released_mask(shape: Tensor, size: int) -> Tensor:
    """Masks on the latent grid as AnoGen's released code has them: read bilinearly without
    smoothing, that is at the two pixels next to a cell's centre, and 1 wherever any is found.

    Args:
        shape: ``(B, 1, S, S)`` in [0, 1].
        size: side s of the latents.

    Returns:
        ``(B, 1, s, s)`` of zeros and ones.
    """
    read = F.interpolate(shape, size=(size, size), mode="bilinear", align_corners=False)
    return (read != 0).to(shape.dtype)


def pooled(views: Sequence[Views]) -> Views:
    """All views in one."""

    def together(parts: Sequence[Tensor | None]) -> Tensor | None:
        there = [part for part in parts if part is not None]
        return torch.cat(there) if there else None

    return Views(
        torch.cat([v.latents for v in views]),
        torch.cat([v.mask for v in views]),
        torch.cat([v.region for v in views]),
        together([v.surroundings for v in views]),
        together([v.shape for v in views]),
    )


def _restored(
    prior: LatentDiffusion, latents: Tensor, mask: Tensor, region: Tensor, seed: int, most: int
) -> Tensor:
    """The shots' latents with the defect drawn over by the word ``normal``."""
    touched = F.max_pool2d((mask > 0.01).to(latents.dtype), 3, stride=1, padding=1)
    parts = []
    for start in range(0, len(latents), most):
        rows = slice(start, start + most)
        clean, hidden = latents[rows], touched[rows]
        generator = torch.Generator().manual_seed(seed_of(seed, "restored", start))
        parts.append(
            blended_sampling(
                prior,
                normal=clean,
                region=hidden,
                context=prior.word_tokens("normal").expand(len(clean), -1, -1),
                surroundings=clean * (1 - hidden),
                noise=torch.randn(clean.shape, generator=generator),
                settings=RESTORED,
            )
        )
    return torch.where(region > 0, torch.cat(parts), latents)
