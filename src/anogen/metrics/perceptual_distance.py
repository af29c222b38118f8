"""Perceptual distance of the LPIPS type, on the feature maps of any network.

Zhang et al.: "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018,
Eq. 1: ``d(x, y) = sum_l 1 / (H_l W_l) sum_hw || w_l * (x_lhw - y_lhw) ||^2`` on features of unit
length over the channels.

Departure: the weights ``w_l`` are one unless they are given. Those of the paper were learned for
its own networks, so only with them and their network is the value LPIPS itself; whoever reports it
names the network.

The distance is the squared Euclidean distance of two long vectors, which :func:`perceptual_vectors`
makes of an image's features; so distances of all pairs of many images are matrix products.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_TINY = 1e-10


def perceptual_vectors(
    maps: Sequence[NDArray[np.floating]],
    *,
    weights: Sequence[NDArray[np.floating]] | None = None,
) -> Vectors:
    """A vector for each image; the squared distance of two is the perceptual distance.

    Args:
        maps: for each layer the features ``(N, C, H, W)``; N is the same for all.
        weights: for each layer ``(C,)``, not negative: the squares of ``w_l``, as the files of
            LPIPS hold them; None weighs all channels alike.

    Returns:
        float32 ``(N, D)``, D the number of all features of an image.

    Raises:
        ValueError: if there is no layer or the shapes do not fit.
    """
    if not maps or any(layer.ndim != 4 or len(layer) != len(maps[0]) for layer in maps):
        raise ValueError(
            f"feature maps must be (N, C, H, W) of the same images: {[m.shape for m in maps]}"
        )
    parts = []
    for number, layer in enumerate(maps):
        count, channels, height, width = layer.shape
        unit = layer.astype(np.float32)
        unit = unit / (np.sqrt((unit * unit).sum(axis=1, keepdims=True)) + np.float32(_TINY))
        unit /= np.float32(np.sqrt(height * width))
        if weights is not None:
            if weights[number].shape != (channels,):
                raise ValueError(f"layer {number} has {channels} channels: {weights[number].shape}")
            unit *= np.sqrt(weights[number]).astype(np.float32)[:, None, None]
        parts.append(unit.reshape(count, -1))
    return np.concatenate(parts, axis=1)


def perceptual_distance(
    first: Sequence[NDArray[np.floating]],
    second: Sequence[NDArray[np.floating]],
    *,
    weights: Sequence[NDArray[np.floating]] | None = None,
) -> NDArray[np.float32]:
    """Distance ``(N,)`` of each image of ``first`` to the one at its place in ``second``.

    Arguments as those of :func:`perceptual_vectors`.
    """
    difference = perceptual_vectors(first, weights=weights) - perceptual_vectors(
        second, weights=weights
    )
    squared: NDArray[np.float32] = (difference * difference).sum(axis=1)
    return squared


def pairwise_distances(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Distances ``(N, M)`` of all images of two sets, from their vectors."""
    # Products in float32, sums of squares in float64: what is left after they cancel is exact
    # to about 1e-6, and distances that matter are above 1e-2.
    own = np.einsum("nd,nd->n", first, first, dtype=np.float64)
    other = np.einsum("md,md->m", second, second, dtype=np.float64)
    products = (first @ second.T).astype(np.float64)
    distances: NDArray[np.float64] = np.maximum(own[:, None] + other[None] - 2 * products, 0.0)
    return distances
