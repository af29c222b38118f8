"""Pure functions on numpy arrays: how good a detector is, how good generated images are."""

from anogen.metrics.evaluation import Metrics, evaluate
from anogen.metrics.histogram import Histogram
from anogen.metrics.ic_lpips import IntraClusterDistance, ic_lpips, mean_distance
from anogen.metrics.image_score import max_of_mean, top_fraction_mean, top_k_mean
from anogen.metrics.inception_score import InceptionScore, inception_score
from anogen.metrics.kid import KernelDistance, kid
from anogen.metrics.perceptual_distance import (
    pairwise_distances,
    perceptual_distance,
    perceptual_vectors,
)
from anogen.metrics.ranking import (
    PrecisionRecall,
    Ranking,
    precision_recall_curve,
    ranking_metrics,
)
from anogen.metrics.region_overlap import pro

__all__ = [
    "Histogram",
    "InceptionScore",
    "IntraClusterDistance",
    "KernelDistance",
    "Metrics",
    "PrecisionRecall",
    "Ranking",
    "evaluate",
    "ic_lpips",
    "inception_score",
    "kid",
    "max_of_mean",
    "mean_distance",
    "pairwise_distances",
    "perceptual_distance",
    "perceptual_vectors",
    "precision_recall_curve",
    "pro",
    "ranking_metrics",
    "top_fraction_mean",
    "top_k_mean",
]
