"""Pictures of what tokens mean while they learn."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.encoded_views import Views
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling

_SETTINGS = SamplerSettings(steps=5, guidance=1.0)
"""Quick and without guidance: what the tokens say by themselves."""


@torch.no_grad()
def previews(
    prior: LatentDiffusion,
    views: Views,
    rows: Tensor,
    context: Tensor,
    noise: Tensor,
    *,
    at_once: int,
) -> list[NDArray[np.uint8]]:
    """Each view above, and below it what the prior draws in its region instead.

    Args:
        prior: the frozen prior.
        views: the encoded views.
        rows: ``(P,)``, which of them are shown.
        context: states of the tokens of each ``(P, L, D)``.
        noise: ``(P, C, s, s)``, what the drawings start from; the same makes previews comparable.
        at_once: views that are drawn in one batch, at most.

    Returns:
        P pictures uint8 ``(2 S, S, 3)``.
    """
    pictures = []
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        latents = views.latents[rows[part]]
        drawn = blended_sampling(
            prior,
            normal=latents,
            region=views.region[rows[part]],
            context=context[part],
            surroundings=None if views.surroundings is None else views.surroundings[rows[part]],
            noise=noise[part],
            settings=_SETTINGS,
        )
        pictures.append(torch.cat([prior.decode(latents), prior.decode(drawn)], dim=2))
    levels = ((torch.cat(pictures) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return list(levels.permute(0, 2, 3, 1).contiguous().numpy())
