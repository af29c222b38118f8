"""The weakly supervised segmentation loss for labels that are boxes.

Gui et al.: "Few-Shot Anomaly-Driven Generation for Anomaly Classification and Segmentation"
(AnoGen), ECCV 2024, section 4.3, Eq. 8 and 9: within the box, pixels that the network confidently
calls normal (``p_normal >= tau``) carry no loss.

Departures, each a setting: the released code filters every sample, also those with exact masks
(``scope="all"``), and divides by all pixels, dropped ones included (``normalisation="all"``).
"""

import torch
from torch import Tensor

from anogen.detection.losses import focal_loss
from anogen.detection.settings import DetectorSettings, Normalisation, WeakScope

MOST_WEIGHT = 8.0
"""How much more a pixel of a small defect weighs than others, at most."""


def loss_weights(
    probability: Tensor, mask: Tensor, weak: Tensor, *, tau: float, scope: WeakScope
) -> Tensor:
    """Weight of each pixel's loss, ``1 - M [p_normal >= tau]`` (Eq. 8 and 9), without gradient.

    Args:
        probability: ``(B, 1, h, w)`` probability of an anomaly.
        mask: same shape in [0, 1]: box, mask or soft mask.
        weak: bool ``(B,)``: samples that are labelled by a box.
        tau: confidence above which a pixel counts as normal; 1 keeps every pixel.
        scope: ``"boxes"`` filters samples in ``weak`` only, ``"all"`` every sample.
    """
    confident = (1 - probability.detach() >= tau).to(mask.dtype)
    if tau >= 1:  # p_normal reaches 1 only by rounding
        confident = confident.zero_()
    if scope == "boxes":
        confident = confident * weak.view(-1, 1, 1, 1)
    return 1 - mask * confident


def small_defect_weights(mask: Tensor, share: float) -> Tensor:
    """Weight of each pixel's focal loss by the size of its sample's defect, ``mask``'s shape.

    A mean over pixels hardly sees a pore of fifty pixels beside a break of five thousand. Ours: the
    papers weigh all pixels alike.

    Args:
        mask: ``(B, 1, h, w)`` in [0, 1].
        share: of a sample's pixels; defects that cover less weigh ``sqrt(share / covered)`` times
            as much, at most ``MOST_WEIGHT``. 0: every pixel weighs 1.
    """
    if share == 0:
        return torch.ones_like(mask)
    covered = mask.mean(dim=(1, 2, 3), keepdim=True)
    more = (share / covered.clamp(min=1e-12)).sqrt().clamp(1, MOST_WEIGHT)
    return 1 + (more - 1) * mask


def weighted_mean(loss: Tensor, weights: Tensor, *, normalisation: Normalisation) -> Tensor:
    """Mean of ``loss * weights`` over the kept weight (``"kept"``) or all pixels (``"all"``)."""
    total = (loss * weights).sum()
    # When nothing is kept the sum is zero as well, and so is the mean.
    return total / (weights.sum().clamp(min=1) if normalisation == "kept" else loss.numel())


def weak_focal_loss(
    probability: Tensor, mask: Tensor, weak: Tensor, settings: DetectorSettings
) -> Tensor:
    """The focal loss under weak supervision, a scalar; arguments as in :func:`loss_weights`."""
    weights = loss_weights(probability, mask, weak, tau=settings.tau, scope=settings.weak_scope)
    loss = focal_loss(probability, mask, gamma=settings.focal_gamma)
    loss = loss * small_defect_weights(mask, settings.small_defects)
    return weighted_mean(loss, weights, normalisation=settings.loss_normalisation)
