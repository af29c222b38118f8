"""Pictures of what tokens mean while they learn."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.encoded_views import Views
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling

_SETTINGS = SamplerSettings(steps=10, guidance=1.0)
"""Quick and without guidance: what the tokens say by themselves."""


@torch.no_grad()
def preview(
    prior: LatentDiffusion, views: Views, rows: Tensor, context: Tensor, *, seed: int
) -> NDArray[np.uint8]:
    """Views above, and below them what the prior draws in their regions instead.

    Args:
        prior: the frozen prior.
        views: the encoded views.
        rows: ``(P,)``, which of them are shown.
        context: states of the tokens ``(P, L, D)``.
        seed: of the noise; the same one makes previews comparable.

    Returns:
        uint8 ``(2 S, P S, 3)``.
    """
    latents = views.latents[rows]
    drawn = blended_sampling(
        prior,
        normal=latents,
        region=views.region[rows],
        context=context,
        surroundings=None if views.surroundings is None else views.surroundings[rows],
        noise=torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed)),
        settings=_SETTINGS,
    )
    pictures = [torch.cat(list(prior.decode(part)), dim=2) for part in (latents, drawn)]
    levels = ((torch.cat(pictures, dim=1) + 1) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
