"""Intra-cluster perceptual distance: do images drawn from few shots differ from each other?

Ojha et al.: "Few-shot image generation via cross-domain correspondence", CVPR 2021, section 4;
AnomalyDiffusion (AAAI 2024) reports it in Table 1. Every generated image belongs to the training
shot that it is nearest to; the score is the mean distance of two images of a cluster, averaged over
clusters. Copies of the shots score zero, however many shots there are.

Rules where the papers leave them open, as the code in use has them: at most ``cap`` random members
of a cluster are compared, each with each; a cluster with fewer than two members has no pair and
is left out of the mean.

Departures: seeded; the number of clusters that counted is told, since a mean over few of them hides
that most shots were never drawn like.
"""

from dataclasses import dataclass

import numpy as np

from anogen.metrics.perceptual_distance import Vectors, pairwise_distances

CAP = 50
"""Members of a cluster that are compared, as in the code in use."""


@dataclass(frozen=True)
class IntraClusterDistance:
    """The score and what it rests on.

    Attributes:
        mean: mean over the clusters that count; None where no cluster has two members.
        members: generated images of each cluster, in the order of the shots.
        counted: clusters with two members or more.
    """

    mean: float | None
    members: tuple[int, ...]
    counted: int


def ic_lpips(
    generated: Vectors, shots: Vectors, *, cap: int = CAP, rng: np.random.Generator
) -> IntraClusterDistance:
    """Intra-cluster distance of generated images around the shots they were learned from.

    Args:
        generated: vectors ``(N, D)`` of :func:`~anogen.metrics.perceptual_distance`.
        shots: vectors ``(K, D)`` of the training shots, the centres of the clusters.
        cap: members of a cluster that are compared at most; drawn at random where there are more.
        rng: draws them.

    Raises:
        ValueError: if the vectors do not fit, there is no shot, or the cap allows no pair.
    """
    if generated.ndim != 2 or shots.ndim != 2 or generated.shape[1] != shots.shape[1]:
        raise ValueError(f"vectors must be (N, D) and (K, D): {generated.shape}, {shots.shape}")
    if len(shots) == 0 or cap < 2:
        raise ValueError("clusters want one shot and a cap of two members at least")
    nearest = pairwise_distances(generated, shots).argmin(axis=1)
    sizes, means = [], []
    for centre in range(len(shots)):
        members = np.flatnonzero(nearest == centre)
        sizes.append(len(members))
        if len(members) > cap:
            members = np.sort(rng.choice(members, cap, replace=False))
        if len(members) > 1:
            means.append(mean_distance(generated[members]))
    return IntraClusterDistance(float(np.mean(means)) if means else None, tuple(sizes), len(means))


def mean_distance(vectors: Vectors) -> float:
    """Mean distance of two different images of ``(N, D)``, N at least 2."""
    rows, columns = np.triu_indices(len(vectors), k=1)
    return float(pairwise_distances(vectors, vectors)[rows, columns].mean())
