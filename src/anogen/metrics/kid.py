"""Kernel Inception Distance: how far the features of generated images are from those of real ones.

Binkowski et al.: "Demystifying MMD GANs", ICLR 2018, section 4: the squared maximum mean
discrepancy under the kernel ``k(x, y) = (x.y / d + 1)^3``, estimated without bias and averaged over
random subsets. The value depends on the feature network, so whoever reports it names the network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation over the subsets; unbiased, so the mean may be negative."""

    mean: float
    deviation: float


def kid(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    rng: np.random.Generator,
) -> KernelDistance:
    """Kernel distance of two sets of features.

    Args:
        generated: ``(N, d)``.
        real: ``(M, d)``.
        subsets: how many random subsets are averaged.
        subset_size: images of each kind in a subset; all of the smaller set where it has fewer.
        rng: draws the subsets, without replacement.

    Raises:
        ValueError: if the features differ in length, or a set has fewer than two images.
    """
    if generated.ndim != 2 or real.ndim != 2 or generated.shape[1] != real.shape[1]:
        raise ValueError(f"features must be (N, d) and (M, d): {generated.shape}, {real.shape}")
    size = min(len(generated), len(real), subset_size)
    if size < 2 or subsets < 1:
        raise ValueError("KID wants two images of each kind and one subset at least")
    values = [
        squared_mmd(
            generated[rng.choice(len(generated), size, replace=False)],
            real[rng.choice(len(real), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def squared_mmd(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """The unbiased estimate of the squared discrepancy of ``(N, d)`` and ``(M, d)``.

    ``sum_{i != j} k(x_i, x_j) / (N (N - 1)) + sum_{i != j} k(y_i, y_j) / (M (M - 1))
    - 2 mean_ij k(x_i, y_j)``.
    """
    x, y = first.astype(np.float64), second.astype(np.float64)
    return _within(x) + _within(y) - 2 * float(_kernel(x, y).mean())


def _within(features: NDArray[np.float64]) -> float:
    """The mean of the kernel over pairs of two different images."""
    kernel, count = _kernel(features, features), len(features)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = (first @ second.T / first.shape[1] + 1) ** 3
    return values
