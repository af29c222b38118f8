"""The losses of the detectors, from their papers.

Focal: Lin et al., ICCV 2017, on probabilities as DRAEM (section 3.2) and DeSTSeg (Eq. 4) use it.
SSIM: Wang et al., 2004, as DRAEM's reconstruction loss (Eq. 1). Cosine: DeSTSeg (Eq. 1 and 2).
"""

from typing import Any

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

    Differentiable, once, to ``first`` only: the second is the target.

    Args:
        first: ``(B, C, H, W)``.
        second: same shape.
        window: side of the Gaussian window in pixels, zero padded at the borders.
        sigma: standard deviation of the window in pixels.
    """
    loss: Tensor = _SSIMLoss.apply(first, second, _gaussian(window, sigma).to(first))  # type: ignore[no-untyped-call]
    return loss


class _SSIMLoss(torch.autograd.Function):
    """The loss with its gradient in closed form, image by image.

    With ``G`` the blur, ``p = G x``, ``q = G x^2``, ``r = G x y`` and the similarity
    ``S(p, q, r)``, the gradient to ``x`` is ``G S_p + 2 x G S_q + y G S_r``. No moments of a
    whole batch are kept: at 8 images of 256 pixels these are 30 MB each, most of whose cost is
    fresh memory.
    """

    @staticmethod
    def forward(context: Any, first: Tensor, second: Tensor, kernel: Tensor) -> Tensor:
        wanted = context.needs_input_grad[0]
        gradient = torch.empty_like(first) if wanted else None
        total = first.new_zeros(())
        for index, (x, y) in enumerate(zip(first, second.to(first), strict=True)):
            similarity, slope = _similarity(x.contiguous(), y.contiguous(), kernel, wanted)
            total += similarity.sum()
            if gradient is not None and slope is not None:
                gradient[index] = slope
        if gradient is not None:
            context.save_for_backward(gradient.mul_(-1 / first.numel()))
        return 1 - total / first.numel()

    @staticmethod
    def backward(context: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = context.saved_tensors
        return gradient * outer, None, None


def _similarity(
    x: Tensor, y: Tensor, kernel: Tensor, with_slope: bool
) -> tuple[Tensor, Tensor | None]:
    """Similarity of images ``(C, H, W)`` at each pixel, and the slope of its sum to ``x``."""
    mean_1, mean_2, square_1, square_2, product = _blurred(
        torch.cat([x, y, x * x, y * y, x * y]), kernel
    ).chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    level = 2 * mean_1 * mean_2 + c1
    contrast = 2 * (product - mean_1 * mean_2) + c2
    levels = mean_1**2 + mean_2**2 + c1
    variances = square_1 - mean_1**2 + square_2 - mean_2**2 + c2
    similarity = level * contrast / (levels * variances)
    if not with_slope:
        return similarity, None
    both = levels * variances
    to_mean = 2 * mean_2 * (contrast - level) / both
    to_mean += 2 * mean_1 * similarity * (1 / variances - 1 / levels)
    slopes = torch.cat([to_mean, -similarity / variances, 2 * level / both])
    # The window is symmetric and padded with zeros: the blur is its own transpose.
    of_mean, of_square, of_product = _blurred(slopes, kernel).chunk(3)
    return similarity, of_mean + 2 * x * of_square + y * of_product


def _blurred(planes: Tensor, kernel: Tensor) -> Tensor:
    """Planes ``(N, H, W)`` under the separable window: two thin passes instead of a square one."""
    size, count = len(kernel), len(planes)
    row = kernel.view(1, 1, 1, size).expand(count, 1, 1, size)
    column = kernel.view(1, 1, size, 1).expand(count, 1, size, 1)
    blurred = functional.conv2d(planes[None], row, padding=(0, size // 2), groups=count)
    return functional.conv2d(blurred, column, padding=(size // 2, 0), groups=count)[0]


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
