"""Adaptive attention re-weighting: attend more to the defect where little of it is seen so far.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
Eq. 7 and 8. The attention map of each step is multiplied by
``w = |m|_1 Softmax(1 / |m y - m x0|^2)`` over the mask m, where x0 is the clean image that the
network predicts so far and y the normal one. Departures, for all forms: x0 is the prediction of the
step before, which saves a second pass of the network in every step, and the first step is plain;
outside the mask the weight is 1, not 0 (what is drawn there is thrown away, and zeros would dim the
cells that a thin mask shares with its surroundings). The forms:

- ``paper``: as printed, through the decoder. The paper names no unit for the difference; with
  values in [-1, 1] the softmax would give all weight to one pixel. Here 1 is a difference that is
  barely seen, and smaller ones count as 1, so that weights differ by a factor of e at most.
- ``official``: what the released code does instead. The distance is between the noisy latents and
  the normal's clean ones; the weights are reciprocals that sum to |m|_1, clamped to [1, 1.5], and
  multiply the logits at the learned tokens.
- ``fast``: ours. The distance is that of the predicted clean latents, so that no step decodes, as a
  share of the change that the defect's shots show. The softmax keeps the mean weight at 1: where
  all is faint, nothing is raised. Here the weight is 1 where as much has changed as in the shots,
  and rises to ``MOST`` where the prediction still is the normal, each cell by itself.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from anogen.prior.attention import Reweighting, WeightedAttention
from anogen.prior.contract import LatentDiffusion

Form = Literal["none", "fast", "paper", "official"]

BARELY_SEEN = 2 * 0.035
"""``mask_recovery.FAINT`` for values in [-1, 1]."""

CLAMP = (1.0, 1.5)
"""Limits of the released code's weights (``ddim.py``)."""


MOST = 2.0
"""The fast form's weight where nothing has changed so far."""


def reweighting_of(
    form: Form,
    prior: LatentDiffusion,
    *,
    images: Tensor,
    normal: Tensor,
    mask: Tensor,
    cells: Tensor,
    tokens: int,
    expected: Callable[[], Tensor],
) -> Reweighting | None:
    """The re-weighting of a batch that is about to be sampled; None for ``none``.

    Args:
        form: which one.
        prior: the frozen prior.
        images: the normal windows ``(B, 3, S, S)`` in [-1, 1].
        normal: their latents ``(B, C, s, s)``.
        mask: ``(B, 1, S, S)`` in [0, 1], where the defect was asked for.
        cells: boolean ``(B, 1, s, s)``, the cells of the latents that are drawn.
        tokens: number of learned tokens.
        expected: gives the squared distance from the normal latents, a mean over channels, that
            a defect of this kind has: one number, or ``(B, 1, 1, 1)``. Asked by ``fast`` alone.

    Raises:
        InputError: if the prior's attention cannot be weighted.
    """
    if form == "none":
        return None
    if form == "official":
        attention = WeightedAttention(prior, target="logits", tokens=tokens)
        return Reweighting(attention, lambda noisy, _: official_weights(noisy, normal, cells))
    attention = WeightedAttention(prior, target="map", tokens=tokens)
    if form == "fast":
        change = expected()
        return Reweighting(
            attention,
            lambda _, clean: None if clean is None else fast_weights(clean, normal, cells, change),
        )
    return Reweighting(
        attention,
        lambda _, clean: (
            None if clean is None else paper_weights(prior.decode(clean), images, mask)
        ),
    )


def paper_weights(predicted: Tensor, images: Tensor, mask: Tensor) -> Tensor:
    """Eq. 7 on images ``(B, 3, S, S)`` in [-1, 1] and masks ``(B, 1, S, S)``: ``(B, 1, S, S)``."""
    difference = ((predicted - images) / BARELY_SEEN).square().mean(dim=1, keepdim=True)
    # A mask thinner than a pixel of the window has no pixel that is half in it.
    fullest = mask.amax(dim=(1, 2, 3), keepdim=True)
    return _softmax(1 / difference.clamp_min(1), mask >= (fullest / 2).clamp_min(1e-6))


def fast_weights(clean: Tensor, normal: Tensor, cells: Tensor, expected: Tensor) -> Tensor:
    """Ours, on latents ``(B, C, s, s)`` and cells ``(B, 1, s, s)``: ``(B, 1, s, s)``.

    ``1 + (MOST - 1) max(0, 1 - |clean - normal|^2 / expected)`` in the cells, 1 outside.
    """
    distance = (clean - normal).square().mean(dim=1, keepdim=True)
    missing = (1 - distance / expected.clamp_min(1e-12)).clamp_min(0)
    return torch.where(cells, 1 + (MOST - 1) * missing, 1.0)


def official_weights(noisy: Tensor, normal: Tensor, cells: Tensor) -> Tensor:
    """The released code's, on latents ``(B, C, s, s)`` and cells: ``(B, 1, s, s)``."""
    distance = (noisy - normal).square().mean(dim=1, keepdim=True)
    nearness = cells / distance.clamp_min(1e-12)
    count = cells.sum(dim=(1, 2, 3), keepdim=True)
    total = nearness.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
    return torch.where(cells, (count * nearness / total).clamp(*CLAMP), 1.0)


def _softmax(score: Tensor, inside: Tensor) -> Tensor:
    """``|m|_1 Softmax(score)`` over the true pixels of each image, 1 outside."""
    hidden = score.masked_fill(~inside, -torch.inf).flatten(1)
    weights = hidden.softmax(dim=1) * inside.flatten(1).sum(dim=1, keepdim=True)
    return torch.where(inside, weights.view_as(score), 1.0)
