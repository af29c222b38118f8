"""Inception Score: are single images recognised clearly, and all together as many things?

Salimans et al.: "Improved techniques for training GANs", NeurIPS 2016, section 4. AnomalyDiffusion
(AAAI 2024) reports it in Table 1. The value depends on the classifier, so whoever reports it names
the network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation over the parts that the images were divided into."""

    mean: float
    deviation: float


def inception_score(
    probabilities: NDArray[np.floating], *, parts: int = 1, rng: np.random.Generator | None = None
) -> InceptionScore:
    """``exp(E_x KL(p(y|x) || p(y)))``, between 1 and the number of classes.

    ``p(y)`` is the mean over the images of a part. A part is to hold many images: the score of
    few is low, since a part of one image has score 1.

    Args:
        probabilities: ``(N, classes)``, rows sum to one.
        parts: how many parts of (nearly) equal size; the usual 10 want thousands of images.
        rng: shuffles the images before they are divided; None keeps their order.

    Raises:
        ValueError: if the rows are no probabilities, or there are fewer images than parts.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] == 0:
        raise ValueError(f"probabilities must be (N, classes), not {probabilities.shape}")
    if not 1 <= parts <= len(probabilities):
        raise ValueError(f"{len(probabilities)} images cannot be divided into {parts} parts")
    exact = probabilities.astype(np.float64)
    if (exact < 0).any() or not np.allclose(exact.sum(axis=1), 1, atol=1e-3):
        raise ValueError("rows must be probabilities: not negative, with a sum of one")
    if rng is not None:
        exact = exact[rng.permutation(len(exact))]
    scores = [
        float(np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean()))
        for part in np.array_split(exact, parts)
    ]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))
