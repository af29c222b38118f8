"""The weakly supervised segmentation loss for labels that are boxes.

Gui et al.: "Few-Shot Anomaly-Driven Generation for Anomaly Classification and Segmentation"
(AnoGen), ECCV 2024, section 4.3, Eq. 8 and 9: within the box, pixels that the network confidently
calls normal (``p_normal >= tau``) carry no loss.

Departures, each a setting: the released code filters every sample, also those with exact masks
(``scope="all"``), and divides by all pixels, dropped ones included (``normalisation="all"``).
"""

from torch import Tensor

from anogen.detection.losses import focal_loss
from anogen.detection.settings import DetectorSettings, Normalisation, WeakScope


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
    return weighted_mean(loss, weights, normalisation=settings.loss_normalisation)
