"""Feature distances for all benchmarks of the prior, on frozen EfficientNet-Lite0 features.

The feature of a crop (128 x 128 pixels) is the spatial mean of the network's maps at strides 4, 8
and 16, joined to 176 values, each divided by its deviation over the category's real crops.
Distances are root mean squares over the 176 values.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from anogen.detection.teacher import make_teacher
from anogen.metrics.perceptual_distance import Vectors, pairwise_distances, perceptual_vectors
from anogen.placement.box import Box
from anogen.placement.window import window_around

CROP = 128
"""Pixels a side at which crops are looked at."""

Features = NDArray[np.float64]


def box_crop(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The square around a box with a tenth of its longer side as margin, uint8 ``CROP`` a side."""
    window = window_around(box, *image.shape[:2], size=16, context=1.2)
    return np.clip(np.round(window.cut(image, CROP)), 0, 255).astype(np.uint8)


class Extractor:
    """Crops to features, not yet divided by their deviation."""

    def __init__(self) -> None:
        self.teacher = make_teacher("efficientnet-lite0")

    @torch.no_grad()
    def __call__(self, crops: list[NDArray[np.uint8]]) -> Features:
        """Features ``(N, 176)`` of RGB crops of any size."""
        rows = []
        for start in range(0, len(crops), 32):
            batch = [cv2.resize(crop, (CROP, CROP)) for crop in crops[start : start + 32]]
            x = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)
            maps = self.teacher(self.teacher.normalise(x))
            rows.append(torch.cat([m.mean(dim=(2, 3)) for m in maps], dim=1))
        return torch.cat(rows).double().numpy()

    @torch.no_grad()
    def vectors(self, crops: list[NDArray[np.uint8]]) -> Vectors:
        """Vectors of which squared distances are LPIPS-type distances, place by place."""
        pixels = np.stack([cv2.resize(crop, (CROP, CROP)) for crop in crops])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        return perceptual_vectors([m.numpy() for m in self.teacher(self.teacher.normalise(x))])


def deviation(real: Features) -> Features:
    """What features are divided by: deviation over real crops, at least a tenth of the median's."""
    values = real.std(axis=0)
    return np.asarray(np.maximum(values, 0.1 * np.median(values)))


def pairwise(a: Features, b: Features) -> Features:
    """Distances ``(len(a), len(b))``."""
    return np.asarray(np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2)))


def nearest(a: Features, b: Features) -> float:
    """Mean over ``a`` of the distance to the nearest of ``b``."""
    return float(pairwise(a, b).min(axis=1).mean())


def chamfer(a: Features, b: Features) -> float:
    """Mean of both directions of :func:`nearest`: near the real ones, and none of them far."""
    return (nearest(a, b) + nearest(b, a)) / 2


def frechet(a: Features, b: Features) -> float:
    """Frechet distance of Gaussians fitted to both sets, root, per feature; wants hundreds."""
    root = sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    trace = np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    return float(np.sqrt(max(0.0, ((a.mean(0) - b.mean(0)) ** 2).sum() + trace) / a.shape[1]))


def spread(a: Features) -> float:
    """Mean distance between two of the set."""
    distances = pairwise(a, a)
    return float(distances.sum() / (len(a) * (len(a) - 1)))


def perceptual_spread(a: Vectors) -> float:
    """Mean LPIPS-type distance (EfficientNet-Lite0, all channels alike) between two of a set."""
    return float(pairwise_distances(a, a).sum() / (len(a) * (len(a) - 1)))


def perceptual_nearest(a: Vectors, b: Vectors) -> float:
    """Mean over ``a`` of the LPIPS-type distance to the nearest of ``b``."""
    return float(pairwise_distances(a, b).min(axis=1).mean())
