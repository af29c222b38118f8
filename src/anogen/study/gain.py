"""Does it help? Paired differences between two arms, with a bootstrap interval and a verdict.

Two detectors that differ in nothing but the anomalies they trained on (same seed, same held-out
images) form a pair. The interval comes from a hierarchical paired bootstrap: every draw takes the
pairs of seeds with replacement and, where the scores of each image are given, also the held-out
images with replacement, good and defective ones apart (for means over types, each type apart); the
same images are drawn for both arms of all pairs, and the metric is computed anew on them. Images
that show one part are drawn together: a part photographed six times tells less than six parts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anogen.data.sample import Sample
from anogen.metrics.located import located
from anogen.seeds import rng_of
from anogen.study.compared import comparisons
from anogen.study.results import GENERATED, PROCEDURAL, Gain, Results, Run, Verdict, metric_of
from anogen.study.scores import Scores

BY_TYPE = "pixel_ap_by_type"
METRICS = ("image_auroc", "image_ap", "pixel_auroc", "pixel_ap", BY_TYPE, "pixel_located")
NAMES = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "image_f1max": "image F1-max",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    BY_TYPE: "pixel AP by type",
    "pixel_f1max": "pixel F1-max",
    "pixel_pro": "PRO",
    "pixel_located": "located",
}

DRAWS = 1000
_CODES = 1 << 14
_CHUNK = 100  # draws at a time: bounds the memory at a few megabytes

FloatArray = NDArray[np.float64]

Parts = Mapping[str, str]
"""The physical part that an image shows, by the image's key; others show one of their own."""


@dataclass(frozen=True)
class CountsByImage:
    """Counts of scores for each image, so that a metric on any draw of images is one product.

    Attributes:
        keys: ``(N,)`` the images' keys, sorted.
        labels: ``(N,)`` their labels.
        defective: ``(N,)`` which images show a defect.
        positive: ``(N, K)`` number of defective units at each of K scores, highest score first.
        negative: ``(N, K)`` number of normal units.
    """

    keys: NDArray[np.str_]
    labels: NDArray[np.str_]
    defective: NDArray[np.bool_]
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]

    def rows_of(self, defect: str) -> NDArray[np.bool_]:
        """``(N,)``: the good images and those of ``defect``."""
        return np.asarray(~self.defective | (self.labels == defect))

    def select(self, defect: str | None) -> "CountsByImage":
        """The good images and those of ``defect``; all images for None."""
        if defect is None:
            return self
        rows = self.rows_of(defect)
        return CountsByImage(
            self.keys[rows],
            self.labels[rows],
            self.defective[rows],
            self.positive[rows],
            self.negative[rows],
        )


def image_counts(scores: Scores) -> CountsByImage:
    """One unit for each image, one bin for each distinct image score: exact."""
    order = np.argsort(scores.keys)
    _, bins = np.unique(-scores.image_scores[order], return_inverse=True)
    defective = scores.defective[order]
    hot = np.zeros((len(order), int(bins.max(initial=0)) + 1), dtype=np.float32)
    hot[np.arange(len(order)), bins] = 1
    truth = defective[:, None].astype(np.float32)
    return CountsByImage(
        scores.keys[order], scores.labels[order], defective, hot * truth, hot * (1 - truth)
    )


def pixel_counts(scores: Scores) -> CountsByImage:
    """One unit for each pixel of the images whose pixels are known.

    A bin holds four neighbouring float16 numbers (nine significant bits): about 4,000 bins
    between 0 and 1, as fine relative to the score everywhere.
    """
    known = np.flatnonzero(scores.pixels_known)
    known = known[np.argsort(scores.keys[known])]
    truth = (scores.masks > 0) & scores.defective[:, None, None]
    occupied = np.zeros(_CODES, dtype=np.bool_)
    for row in known:
        occupied[_codes(scores.score_maps[row])] = True
    positive = np.empty((len(known), int(occupied.sum())), dtype=np.float32)
    negative = np.empty_like(positive)
    for place, row in enumerate(known):
        codes = _codes(scores.score_maps[row])
        found = np.bincount(codes[truth[row]], minlength=_CODES)
        positive[place] = found[occupied][::-1]
        negative[place] = (np.bincount(codes.ravel(), minlength=_CODES) - found)[occupied][::-1]
    return CountsByImage(
        scores.keys[known], scores.labels[known], scores.defective[known], positive, negative
    )


def located_counts(scores: Scores) -> CountsByImage:
    """One unit for each defective image whose pixels are known, in the first of two bins where its
    highest score is at a defect."""
    shown = (scores.masks > 0).any(axis=(1, 2))  # a thin defect may vanish when it is shrunken
    known = np.flatnonzero(scores.pixels_known & scores.defective & shown)
    known = known[np.argsort(scores.keys[known])]
    found = np.array(
        [located(scores.score_maps[row], scores.masks[row] > 0) for row in known], dtype=np.float32
    )
    nothing = np.zeros_like(found)
    return CountsByImage(
        scores.keys[known],
        scores.labels[known],
        scores.defective[known],
        np.stack([found, nothing], axis=1),
        np.stack([nothing, 1 - found], axis=1),
    )


def counts_of(scores: Scores) -> dict[str, CountsByImage]:
    """Counts by metric, for all of :data:`METRICS`."""
    image, pixel = image_counts(scores), pixel_counts(scores)
    return {
        "image_auroc": image,
        "image_ap": image,
        "pixel_auroc": pixel,
        "pixel_ap": pixel,
        BY_TYPE: pixel,
        "pixel_located": located_counts(scores),
    }


def _codes(score_map: NDArray[np.float16]) -> NDArray[np.uint16]:
    """Bin numbers in [0, _CODES) that order as the scores do."""
    bits = np.ascontiguousarray(score_map, dtype=np.float16).view(np.uint16)
    # Floats order as their bits once the sign is folded in: negative ones run backwards.
    ordered = np.where(bits & 0x8000, ~bits, bits | 0x8000)
    return np.asarray(ordered >> 2, dtype=np.uint16)


def average_precision(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Average precision of each row of counts ``(B, K)``, highest score first; NaN if undefined.

    The sum over thresholds of (recall step) x (precision), tied scores being one threshold.
    """
    true = np.cumsum(positive, axis=1)
    flagged = true + np.cumsum(negative, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, true / flagged, 0.0)
        return np.asarray((positive * precision).sum(axis=1) / true[:, -1])


def auroc(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Area under the ROC curve of each row of counts ``(B, K)``; ties count half."""
    above = np.cumsum(negative, axis=1)
    total = above[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            (positive * (total - above + negative / 2)).sum(axis=1)
            / (positive.sum(axis=1) * total[:, 0])
        )


def share_of_positive(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Positive units among all, for each row of counts ``(B, K)``; NaN without any."""
    true = positive.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(true / (true + negative.sum(axis=1)))


def image_draws(
    strata: NDArray[Any],
    *,
    draws: int,
    rng: np.random.Generator,
    parts: NDArray[np.str_] | None = None,
) -> NDArray[np.float32]:
    """How often each of N images is drawn, ``(draws, N)``.

    Args:
        strata: ``(N,)``: images of unlike values are drawn apart, so that every draw has as many
            parts of each value as the test set.
        draws: how many.
        rng: the only source of randomness.
        parts: ``(N,)``: images with one name show one part and are drawn together; None: each
            shows its own.
    """
    weights = np.zeros((draws, len(strata)), dtype=np.float32)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        names = np.arange(len(own)) if parts is None else parts[own]
        found, part = np.unique(names, return_inverse=True)
        share = np.full(len(found), 1 / len(found))
        weights[:, own] = rng.multinomial(len(found), share, size=draws)[:, part]
    return weights


def parts_of(samples: Iterable[Sample]) -> Parts:
    """The part that each image shows, by key, where that is known."""
    return {sample.key: sample.group for sample in samples if sample.group is not None}


def metric_on_draws(counts: CountsByImage, weights: NDArray[np.float32], metric: str) -> FloatArray:
    """``auroc``, ``ap``, ``ap_by_type`` or ``located`` on each draw of images ``(B, N)``; ``(B,)``.

    NaN where a draw does not have it; a type of which a draw has no image is left out of the
    draw's mean over types.
    """
    if metric == "ap_by_type":
        return _ap_by_type(counts, weights)
    function = {"ap": average_precision, "auroc": auroc, "located": share_of_positive}[metric]
    values = [
        function(
            (chunk @ counts.positive).astype(np.float64),
            (chunk @ counts.negative).astype(np.float64),
        )
        for chunk in np.array_split(weights, max(1, len(weights) // _CHUNK))
    ]
    return np.concatenate(values)


def _ap_by_type(counts: CountsByImage, weights: NDArray[np.float32]) -> FloatArray:
    total, known = np.zeros(len(weights)), np.zeros(len(weights))
    for kind in map(str, np.unique(counts.labels[counts.defective])):
        own = metric_on_draws(counts.select(kind), weights[:, counts.rows_of(kind)], "ap")
        total += np.nan_to_num(own)
        known += np.isfinite(own)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known)


def interval(
    differences: FloatArray, *, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean difference over drawn pairs of seeds.

    Args:
        differences: ``(draws, pairs)``: each pair's difference on each draw of images; rows are
            equal where no images are drawn.
        rng: draws the pairs.
        level: coverage of the interval.
    """
    draws, pairs = differences.shape
    chosen = rng.integers(pairs, size=(draws, pairs))
    means = np.take_along_axis(differences, chosen, axis=1).mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return float(low), float(high)


def verdict_of(low: float, high: float) -> Verdict:
    """``helps`` if the interval lies above zero, ``hurts`` if it lies below."""
    if low > 0:
        return "helps"
    return "hurts" if high < 0 else "no difference"


def gain_of(
    pairs: Sequence[tuple[Run, Run]],
    metric: str,
    *,
    defect: str | None = None,
    counts: Sequence[tuple[CountsByImage, CountsByImage]] | None = None,
    parts: Parts | None = None,
    draws: int = DRAWS,
    rng: np.random.Generator,
) -> Gain | None:
    """The gain of the second run of each pair over the first.

    Args:
        pairs: runs that differ in their arm only.
        metric: one of :data:`METRICS`.
        defect: speak of this defect alone.
        counts: those of the runs' scores, in the order of ``pairs``; with None the interval
            comes from the seeds alone.
        parts: which images show one part.
        draws: number of bootstrap draws.
        rng: the only source of randomness.

    Returns:
        None where a run does not have the metric.

    Raises:
        ValueError: if a pair's runs differ in more than their arm, if the images of the
            counts differ, or for a single pair without counts.
    """
    for base, arm in pairs:
        if (base.category, base.detector, base.seed) != (arm.category, arm.detector, arm.seed):
            raise ValueError(f"{base.key} and {arm.key} are no pair")
    values = [
        (metric_of(base, metric, defect), metric_of(arm, metric, defect)) for base, arm in pairs
    ]
    known = [arm - base for base, arm in values if base is not None and arm is not None]
    if not pairs or len(known) != len(pairs):
        return None
    if counts is None:
        if len(pairs) == 1:
            raise ValueError("one pair of seeds has no spread; give the scores of its images")
        differences = np.tile(known, (draws, 1))
    else:
        differences = differences_on_draws(
            counts, metric, defect, parts=parts, draws=draws, rng=rng
        )
    low, high = interval(differences, rng=rng)
    return Gain(
        category=pairs[0][0].category,
        detector=pairs[0][0].detector,
        base=pairs[0][0].arm,
        arm=pairs[0][1].arm,
        metric=metric,
        defect=defect,
        mean=float(np.mean(known)),
        low=low,
        high=high,
        seeds=len(pairs),
        verdict=verdict_of(low, high),
    )


def differences_on_draws(
    counts: Sequence[tuple[CountsByImage, CountsByImage]],
    metric: str,
    defect: str | None,
    *,
    parts: Parts | None = None,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Each pair's difference of ``metric`` on each draw of images, ``(draws, pairs)``.

    Raises:
        ValueError: if the images of the counts differ.
    """
    selected = [(base.select(defect), arm.select(defect)) for base, arm in counts]
    first = selected[0][0]
    if not all(np.array_equal(first.keys, each.keys) for pair in selected for each in pair):
        raise ValueError("the runs were evaluated on different images")
    kinds = first.labels if metric == BY_TYPE else np.ones_like(first.labels)
    weights = image_draws(
        np.where(first.defective, kinds, ""),  # good ones first
        draws=draws,
        rng=rng,
        parts=np.array([(parts or {}).get(key, key) for key in map(str, first.keys)]),
    )
    name = metric.partition("_")[2]
    columns = [
        metric_on_draws(arm, weights, name) - metric_on_draws(base, weights, name)
        for base, arm in selected
    ]
    return np.stack(columns, axis=1)


def pairs_of(runs: Sequence[Run]) -> dict[tuple[str, str], list[tuple[Run, Run]]]:
    """Runs of two arms with equal seeds, by category and detector, sorted by seed.

    The arms are the first of :func:`~anogen.study.compared.comparisons` that share a seed.
    """
    by_key = {run.key: run for run in runs}
    pairs: dict[tuple[str, str], list[tuple[Run, Run]]] = {}
    for category, detector in sorted({(run.category, run.detector) for run in runs}):
        own = sorted(
            (run for run in runs if (run.category, run.detector) == (category, detector)),
            key=lambda run: run.key,
        )
        for base, arm in comparisons(run.arm for run in own):
            partners = [
                (run, by_key.get((category, detector, arm, run.seed)))
                for run in own
                if run.arm == base
            ]
            found = [(run, partner) for run, partner in partners if partner is not None]
            if found:
                pairs[category, detector] = found
                break
    return pairs


def gains_of(
    results: Results,
    scores_of: Callable[[Run], Scores | None],
    *,
    parts: Mapping[str, Parts] | None = None,
    draws: int = DRAWS,
) -> tuple[Gain, ...]:
    """All gains of generated images: each metric, over all defects and for each alone.

    Args:
        results: the runs; their own gains are not looked at.
        scores_of: reads the scores of a run; None where there are none.
        parts: by category, which images show one part.
        draws: number of bootstrap draws.

    The draws of a gain depend on its category, detector, metric and defect alone; those of the
    mean over types are those of pixel AP, which it is where there is one type.
    """
    gains: list[Gain] = []
    for (category, detector), pairs in pairs_of(results.runs).items():
        counts = _counts(pairs, scores_of)
        if counts is None and len(pairs) == 1:
            continue
        defects = sorted({name for pair in pairs for run in pair for name in run.defects})
        for metric in METRICS:
            for defect in (None, *(() if metric == BY_TYPE else defects)):
                gain = gain_of(
                    pairs,
                    metric,
                    defect=defect,
                    counts=None if counts is None else [(b[metric], a[metric]) for b, a in counts],
                    parts=(parts or {}).get(category),
                    draws=draws,
                    rng=rng_of("gain", category, detector, drawn_as(metric), defect),
                )
                if gain is not None:
                    gains.append(gain)
    return tuple(gains)


def drawn_as(metric: str) -> str:
    """The metric whose draws a metric shares."""
    return "pixel_ap" if metric == BY_TYPE else metric


def _counts(
    pairs: Sequence[tuple[Run, Run]], scores_of: Callable[[Run], Scores | None]
) -> list[tuple[dict[str, CountsByImage], dict[str, CountsByImage]]] | None:
    found = []
    for base_run, arm_run in pairs:
        base, arm = scores_of(base_run), scores_of(arm_run)
        if base is None or arm is None:
            return None
        found.append((counts_of(base), counts_of(arm)))
    return found


def points(value: float) -> str:
    """A difference of a metric in percentage points, signed: ``+5.8``, ``−0.3``, ``0.0``.

    A small one that one decimal would round to nothing has two: ``+0.04``.
    """
    for decimals in (1, 2):
        text = f"{100 * value:+.{decimals}f}".replace("-", "−")
        if float(text[1:]) != 0:
            return text
    return "0.0"


def sentence(gain: Gain) -> str:
    """The gain in one plain sentence: who, whether it helps, by how much, how sure."""
    what = "Generated images" if gain.defect is None else f"Generated {gain.defect} images"
    if gain.arm == GENERATED:
        what += f" in the place of {gain.base} ones"
    elif gain.base != PROCEDURAL:
        what += f" beside {gain.base} ones"
    where = f"{gain.detector} on {gain.category}"
    metric = NAMES[gain.metric]
    seeds = "1 seed" if gain.seeds == 1 else f"{gain.seeds} seeds"
    sure = f"(95 % interval {points(gain.low)} to {points(gain.high)}, {seeds})"
    size = points(gain.mean).lstrip("+−")
    if gain.verdict == "helps":
        return f"{what} help {where}: {metric} rises by {size} points {sure}."
    if gain.verdict == "hurts":
        return f"{what} hurt {where}: {metric} falls by {size} points {sure}."
    change = "does not change" if size == "0.0" else f"changes by {points(gain.mean)} points"
    return f"{what} make no clear difference to {where}: {metric} {change} {sure}."
