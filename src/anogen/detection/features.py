"""What a network sees in images, as arrays for the metrics of generation."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from anogen.detection.recognition import Recogniser
from anogen.metrics.perceptual_distance import perceptual_vectors

_BATCH = 16


@dataclass(frozen=True)
class Features:
    """Features of ``N`` images.

    Attributes:
        probabilities: float64 ``(N, classes)``, for the Inception Score.
        pooled: float32 ``(N, D)``, for KID.
        perceptual: float32 ``(N, P)``; the squared distance of two is their perceptual distance.
    """

    probabilities: NDArray[np.float64]
    pooled: NDArray[np.float32]
    perceptual: NDArray[np.float32]


@torch.inference_mode()
def features_of(images: NDArray[np.uint8], network: Recogniser) -> Features:
    """Features of uint8 images ``(N, S, S, 3)`` RGB, N at least 1.

    ``perceptual`` takes about 0.7 MB an image of 256 pixels.
    """
    network.eval()
    device = next(network.parameters()).device
    probabilities, pooled, perceptual = [], [], []
    for start in range(0, len(images), _BATCH):
        part = torch.from_numpy(images[start : start + _BATCH].copy()).permute(0, 3, 1, 2)
        found = network(part.to(device))
        probabilities.append(torch.softmax(found.logits.double(), dim=1).cpu().numpy())
        pooled.append(found.pooled.cpu().numpy())
        perceptual.append(perceptual_vectors([layer.cpu().numpy() for layer in found.maps]))
    return Features(
        np.concatenate(probabilities), np.concatenate(pooled), np.concatenate(perceptual)
    )
