"""Pure functions on numpy arrays: how good a detector is, how good generated images are."""

from anogen.metrics.evaluation import Metrics, binarise, evaluate
from anogen.metrics.histogram import Histogram
from anogen.metrics.image_score import max_of_mean, top_fraction_mean, top_k_mean
from anogen.metrics.ranking import (
    PrecisionRecall,
    Ranking,
    precision_recall_curve,
    ranking_metrics,
)
from anogen.metrics.region_overlap import pro

__all__ = [
    "Histogram",
    "Metrics",
    "PrecisionRecall",
    "Ranking",
    "binarise",
    "evaluate",
    "max_of_mean",
    "precision_recall_curve",
    "pro",
    "ranking_metrics",
    "top_fraction_mean",
    "top_k_mean",
]
