"""The losses of the detectors, from their papers.

Focal: Lin et al., ICCV 2017, on probabilities as DRAEM (section 3.2) and DeSTSeg (Eq. 4) use it.
SSIM: Wang et al., 2004, as DRAEM's reconstruction loss (Eq. 1). Cosine: DeSTSeg (Eq. 1 and 2).
"""

import torch
from torch import Tensor
from torch.nn import functional


def focal_loss(
    probability: Tensor, target: Tensor, *, gamma: float, smoothing: float = 1e-5
) -> Tensor:
    """Focal loss of each pixel, in the shape of ``probability``.

    ``-(1 - q)^gamma log q`` with ``q`` the probability of the true class, smoothed as in DRAEM's
    released code: ``q = p_true (1 - s) + p_false s + s``. A soft target mixes the losses of the
    two classes, so that 0 and 1 give the usual loss.

    Args:
        probability: probability of an anomaly, in [0, 1].
        target: same shape, in [0, 1]; 1 is anomalous.
        gamma: weight of hard pixels; 0 is cross-entropy.
        smoothing: keeps the logarithm finite.
    """
    anomalous = _focal_term(probability, gamma, smoothing)
    normal = _focal_term(1 - probability, gamma, smoothing)
    return target * anomalous + (1 - target) * normal


def _focal_term(true_class: Tensor, gamma: float, smoothing: float) -> Tensor:
    smoothed = true_class * (1 - 2 * smoothing) + 2 * smoothing
    # Smoothing lets the value pass 1 by a hair, where a broken power would give NaN.
    return -((1 - smoothed).clamp(min=0) ** gamma) * smoothed.log()


def ssim_loss(first: Tensor, second: Tensor, *, window: int = 11, sigma: float = 1.5) -> Tensor:
    """One minus the mean structural similarity of images in [0, 1], a scalar.

    Args:
        first: ``(B, C, H, W)``.
        second: same shape.
        window: side of the Gaussian window in pixels, zero padded at the borders.
        sigma: standard deviation of the window in pixels.
    """
    channels = first.shape[1]
    kernel = _gaussian(window, sigma).to(first)
    moments = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    count = moments.shape[1]
    # The Gaussian is separable: two thin passes are five times cheaper than one square pass.
    row = kernel.view(1, 1, 1, window).expand(count, 1, 1, window)
    column = kernel.view(1, 1, window, 1).expand(count, 1, window, 1)
    blurred = functional.conv2d(moments, row, padding=(0, window // 2), groups=count)
    blurred = functional.conv2d(blurred, column, padding=(window // 2, 0), groups=count)
    mean_1, mean_2, square_1, square_2, product = torch.split(blurred, channels, dim=1)
    c1, c2 = 0.01**2, 0.03**2
    covariance = product - mean_1 * mean_2
    variances = square_1 - mean_1**2 + square_2 - mean_2**2
    similarity = ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1**2 + mean_2**2 + c1) * (variances + c2)
    )
    return 1 - similarity.mean()


def _gaussian(window: int, sigma: float) -> Tensor:
    offsets = torch.arange(window, dtype=torch.float32) - window // 2
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    total: Tensor = kernel.sum()
    return kernel / total


def cosine_loss(teacher: Tensor, student: Tensor) -> Tensor:
    """Cosine distance of features ``(B, C, h, w)``: mean over places, sum over the batch.

    DeSTSeg Eq. 1 and 2. The sum over the batch is the released code's; its learning rate of 0.4
    belongs to it and to its batch of 32.
    """
    similarity = functional.cosine_similarity(teacher, student, dim=1)
    return (1 - similarity).mean(dim=(1, 2)).sum()
