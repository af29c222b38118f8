"""``study.json``: what every arm of a study scored, and its paired difference to the base arm.

All arms are measured on the same images: where arms hold out different ones (other shots, another
support set), those that every arm of a product holds out. An average over products is taken seed
by seed, so that its deviation is one over seeds as well.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from anogen.errors import InputError
from anogen.files import write_json
from anogen.seeds import rng_of
from anogen.study.cells import CELLS, Cell
from anogen.study.gain import (
    DRAWS,
    METRICS,
    CountsByImage,
    FloatArray,
    Parts,
    counts_of,
    differences_on_draws,
    drawn_as,
    interval,
    parts_of,
    verdict_of,
)
from anogen.study.protocol import Protocol
from anogen.study.results import (
    Count,
    Difference,
    ImageMetrics,
    PixelMetrics,
    Share,
    Verdict,
)
from anogen.study.run_folder import versions
from anogen.study.scores import SCORES, read_keys, read_scores
from anogen.study.stages.evaluate import metrics_on
from anogen.study.study_file import Study

COLUMNS = (
    "image_auroc",
    "image_ap",
    "pixel_auroc",
    "pixel_ap",
    "pixel_ap_by_type",
    "pixel_f1max",
    "pixel_pro",
    "pixel_located",
)
"""Metrics of the tables, as ``<level>_<metric>``."""

ALL = None
"""In the place of a product: the average over all."""

Product = str | None
Counts = dict[str, CountsByImage]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StudyRun(_Part):
    """One trained detector of an arm.

    Attributes:
        product: the category, with its dataset before it where a study has several.
        detector: name of the detector.
        arm: the study's name of the arm.
        seed: seed of its training.
        cell: the folder of its run, relative to the study's.
        images: held-out images that it was measured on.
        defective: how many of these show a defect.
        excluded: images that it holds out and another arm does not.
        protocol: how it was measured; None where the cell's results do not name it.
        image: image-level metrics.
        pixel: pixel-level metrics.
    """

    product: str
    detector: str
    arm: str
    seed: int
    cell: str
    images: Count
    defective: Count
    excluded: Count
    protocol: Protocol | None = None
    image: ImageMetrics
    pixel: PixelMetrics

    def value(self, metric: str) -> float | None:
        """The value of one of :data:`COLUMNS`; None where it does not exist."""
        level, _, name = metric.partition("_")
        found: float | None = getattr(getattr(self, level), name)
        return found


class StudyRow(_Part):
    """One row of a table: mean and standard deviation over seeds, by metric.

    A mean is None where a run has no such metric, a deviation also for a single seed. The product
    is None for the average over all.
    """

    product: Product
    detector: str
    arm: str
    seeds: Count
    mean: dict[str, Share | None]
    deviation: dict[str, Annotated[float, Field(ge=0)] | None]


class StudyGain(_Part):
    """The paired difference of an arm to the base arm, with its 95 % bootstrap interval."""

    product: Product
    detector: str
    arm: str
    metric: str
    mean: Difference
    low: Difference
    high: Difference
    seeds: Count
    verdict: Verdict


class StudyGeneration(_Part):
    """How good and how diverse the images of an arm's bank are; the product None is the mean.

    The metrics are those of :class:`~anogen.study.results.Generation`.
    """

    product: Product
    arm: str
    network: str
    images: Count
    inception_score: float
    ic_lpips: float | None
    lpips: float | None
    kid: float | None


class StudyResults(_Part):
    """The whole of ``study.json``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    title: str
    note: str
    preset: str
    base: str
    products: tuple[str, ...]
    detectors: tuple[str, ...]
    arms: tuple[str, ...]
    runs: tuple[StudyRun, ...]
    rows: tuple[StudyRow, ...]
    gains: tuple[StudyGain, ...]
    generation: tuple[StudyGeneration, ...] = ()
    absent: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    versions: dict[str, str]


def write_study_results(path: Path, results: StudyResults) -> None:
    """Write ``study.json`` atomically."""
    write_json(path, results.model_dump(mode="json", by_alias=True))


def measure(
    study: Study, cells: Sequence[Cell], *, notices: Sequence[str] = (), draws: int = DRAWS
) -> StudyResults:
    """The numbers of a study whose cells are all finished.

    Args:
        study: what is compared.
        cells: all its cells.
        notices: what is worth knowing about the datasets.
        draws: number of bootstrap draws.

    Raises:
        InputError: if a cell's scores are missing or damaged.
    """
    arms = tuple(arm.name for arm in study.rows)
    products = tuple(dict.fromkeys(cell.product for cell in cells))
    runs: list[StudyRun] = []
    differences: dict[tuple[str, str, str, str], FloatArray] = {}
    for product in products:
        of_product = [cell for cell in cells if cell.product == product]
        keys = _common_keys(of_product)
        parts = parts_of(of_product[0].category.test)
        for detector in study.detectors:
            own = [cell for cell in of_product if cell.detector == detector]
            counts: dict[str, list[Counts]] = {}
            for cell in own:
                measured, counts[cell.name] = _measured(cell, keys)
                runs += measured
            by_arm = {name: counts[cell.name] for cell in own for name in cell.names}
            for arm in arms:
                if arm != study.base and arm in by_arm:
                    for metric in METRICS:
                        differences[product, detector, arm, metric] = _differences(
                            by_arm[study.base],
                            by_arm[arm],
                            metric,
                            parts=parts,
                            draws=draws,
                            rng=rng_of("study", product, detector, drawn_as(metric)),
                        )
    stand = [(d, arm.name) for d in study.detectors for arm in study.rows if arm.stands(d)]
    shown: tuple[Product, ...] = (ALL, *products) if len(products) > 1 else products
    return StudyResults(
        title=study.title,
        note=study.note,
        preset=study.preset,
        base=study.base,
        products=products,
        detectors=study.detectors,
        arms=arms,
        runs=tuple(sorted(runs, key=lambda r: (r.product, r.detector, arms.index(r.arm), r.seed))),
        rows=tuple(
            _row(runs, product, detector, arm) for product in shown for detector, arm in stand
        ),
        gains=tuple(
            gain
            for product in shown
            for detector, arm in stand
            for metric in METRICS
            if arm != study.base
            and (gain := _gain(runs, differences, product, detector, (study.base, arm), metric))
        ),
        generation=_generation(cells, arms, shown),
        absent=study.absent,
        notices=tuple(notices),
        versions=versions(),
    )


def _generation(
    cells: Sequence[Cell], arms: Sequence[str], shown: Sequence[Product]
) -> tuple[StudyGeneration, ...]:
    """The measured banks by product and arm; all detectors of an arm train on the same bank."""
    found: dict[tuple[Product, str], StudyGeneration] = {}
    for cell in cells:
        results = cell.finished()
        for row in results.generation if results is not None else ():
            if row.defect is None:
                for arm in cell.names:
                    found[cell.product, arm] = StudyGeneration(
                        product=cell.product,
                        arm=arm,
                        network=row.network,
                        images=row.images,
                        inception_score=row.inception_score,
                        ic_lpips=row.ic_lpips,
                        lpips=row.lpips,
                        kid=row.kid,
                    )
    rows = []
    for product in shown:
        for arm in arms:
            own = [
                row for (where, who), row in found.items() if who == arm and product in (ALL, where)
            ]
            if own:
                rows.append(own[0] if product is not ALL else _mean_generation(own))
    return tuple(rows)


def _mean_generation(rows: Sequence[StudyGeneration]) -> StudyGeneration:
    def mean_of(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return mean(known) if len(known) == len(values) else None

    return StudyGeneration(
        product=ALL,
        arm=rows[0].arm,
        network=rows[0].network,
        images=sum(row.images for row in rows),
        inception_score=mean(row.inception_score for row in rows),
        ic_lpips=mean_of([row.ic_lpips for row in rows]),
        lpips=mean_of([row.lpips for row in rows]),
        kid=mean_of([row.kid for row in rows]),
    )


def _common_keys(cells: Sequence[Cell]) -> frozenset[str]:
    """Keys of the images that all cells of a product hold out."""
    found = [read_keys(path) for cell in cells for path in _score_files(cell)]
    common = frozenset.intersection(*found)
    if not common:
        raise InputError(
            f"{cells[0].product}: no test image is held out by every arm; use fewer shots or "
            "fewer support sets."
        )
    return common


def _score_files(cell: Cell) -> list[Path]:
    seeds = range(cell.run.settings.training.seeds)
    return [
        cell.run.detector(cell.category.name, cell.detector, cell.arm, seed) / SCORES
        for seed in seeds
    ]


def _measured(cell: Cell, keys: frozenset[str]) -> tuple[list[StudyRun], list[Counts]]:
    """The runs of a cell on the images of these keys, and their counts by metric."""
    results = cell.finished()
    if results is None:
        raise InputError(f"{cell.run.path}: has no results yet; run the study again.")
    stored = {run.seed: run for run in results.runs if run.arm == cell.arm}
    runs, counts = [], []
    for seed, file in enumerate(_score_files(cell)):
        scores = read_scores(file)
        held_out = len(scores.keys)
        image, pixel = stored[seed].image, stored[seed].pixel
        if held_out != len(keys):
            scores = scores.of(keys)
        # A cell that an older version measured has not everything.
        if held_out != len(keys) or (pixel.ap_by_type is None and pixel.ap is not None):
            image, pixel = metrics_on(scores, np.ones(len(scores.keys), bool))
        counts.append(counts_of(scores))
        runs += [
            StudyRun(
                product=cell.product,
                detector=cell.detector,
                arm=name,
                seed=seed,
                cell=f"{CELLS}/{cell.name}",
                images=len(keys),
                defective=int(scores.defective.sum()),
                excluded=held_out - len(keys),
                protocol=stored[seed].protocol,
                image=image,
                pixel=pixel,
            )
            for name in cell.names
        ]
    return runs, counts


def _differences(
    base: Sequence[Counts],
    arm: Sequence[Counts],
    metric: str,
    *,
    parts: Parts,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Differences on draws of images, ``(draws, seeds)``."""
    pairs = [(one[metric], other[metric]) for one, other in zip(base, arm, strict=True)]
    return differences_on_draws(pairs, metric, None, parts=parts, draws=draws, rng=rng)


def _by_seed(
    runs: Sequence[StudyRun], product: Product, detector: str, arm: str, metric: str
) -> list[float]:
    """The metric of each seed, averaged over products; empty where one of them lacks it."""
    own = [
        run
        for run in runs
        if run.detector == detector and run.arm == arm and product in (ALL, run.product)
    ]
    known = [(run.seed, run.value(metric)) for run in own]
    if any(value is None for _, value in known):
        return []
    seeds = sorted({seed for seed, _ in known})
    return [mean(v for seed, v in known if seed == one and v is not None) for one in seeds]


def _row(runs: Sequence[StudyRun], product: Product, detector: str, arm: str) -> StudyRow:
    values = {metric: _by_seed(runs, product, detector, arm, metric) for metric in COLUMNS}
    return StudyRow(
        product=product,
        detector=detector,
        arm=arm,
        seeds=len({run.seed for run in runs if run.detector == detector and run.arm == arm}),
        mean={metric: mean(known) if known else None for metric, known in values.items()},
        deviation={
            metric: stdev(known) if len(known) > 1 else None for metric, known in values.items()
        },
    )


def _gain(
    runs: Sequence[StudyRun],
    differences: dict[tuple[str, str, str, str], FloatArray],
    product: Product,
    detector: str,
    arms: tuple[str, str],
    metric: str,
) -> StudyGain | None:
    """The gain of the second arm over the first; None where the metric does not exist."""
    base = _by_seed(runs, product, detector, arms[0], metric)
    other = _by_seed(runs, product, detector, arms[1], metric)
    if not base or len(base) != len(other):
        return None
    drawn = [
        values
        for (where, who, arm, what), values in differences.items()
        if (who, arm, what) == (detector, arms[1], metric) and product in (ALL, where)
    ]
    low, high = interval(
        np.mean(drawn, axis=0),
        rng=rng_of("study", "interval", product, detector, drawn_as(metric)),
    )
    return StudyGain(
        product=product,
        detector=detector,
        arm=arms[1],
        metric=metric,
        mean=mean(b - a for a, b in zip(base, other, strict=True)),
        low=low,
        high=high,
        seeds=len(base),
        verdict=verdict_of(low, high),
    )
