"""The measuring of a run: every trained detector on the held-out images, once."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.loading import load_masks, load_rgb
from anogen.data.sample import Category, SupportSet
from anogen.data.support import evaluation_samples, learned_and_tested
from anogen.detection.saved import MODEL, load_detector
from anogen.errors import InputError
from anogen.metrics.evaluation import evaluate as metrics_of
from anogen.study.arms import with_generated
from anogen.study.durations import seconds_of, timed
from anogen.study.gain import gains_of
from anogen.study.results import (
    DefectMetrics,
    ImageMetrics,
    PixelMetrics,
    Results,
    Run,
    read_results,
    write_results,
)
from anogen.study.reviewed import digest_of, noted
from anogen.study.run_folder import RunFolder, versions
from anogen.study.scores import SCORES, Scores, read_scores, write_scores
from anogen.study.stages.classification import measure_classifiers
from anogen.study.stages.generation import measure_generation
from anogen.study.stages.material import Pairs


def evaluate(run: RunFolder, pairs: Pairs) -> Results:
    """Predict what is not predicted yet, measure everything, and write ``results.json``.

    Scores of another test set (images or masks have come, gone or changed) are made anew.

    Raises:
        InputError: if a detector has not been trained, or its bank was reviewed since.
    """
    training, runs = run.settings.training, []
    for category, support in pairs:
        test_set = _TestSet(run, category, support)
        runs += [
            _measured(run, test_set, name, arm, seed)
            for name in training.detectors
            for arm in training.arms
            for seed in range(training.seeds)
        ]
    results = Results(
        runs=tuple(runs),
        classification=measure_classifiers(run, pairs) if training.classifies else (),
        generation=measure_generation(run, pairs) if run.settings.evaluation.generation else (),
    )
    gains = gains_of(results, lambda one: read_scores(run.path / one.folder / SCORES))
    results = results.model_copy(update={"gain": gains})
    write_results(run.results, results)
    return read_results(run.results)


class _TestSet:
    """The held-out images of a category, decoded once for each size that is asked for."""

    def __init__(self, run: RunFolder, category: Category, support: SupportSet) -> None:
        evaluation = run.settings.evaluation
        self.category, self.support = category, support
        self.samples = evaluation_samples(
            category, support, include_support=evaluation.include_support
        )
        self.official = evaluation.ground_truth == "full"
        self.keys = np.array([sample.key for sample in self.samples])
        self.labels = np.array([sample.label for sample in self.samples])
        self.has_mask = np.array([sample.mask is not None for sample in self.samples])
        self._images: dict[int, NDArray[np.uint8]] = {}
        self._masks: dict[int, NDArray[np.uint8]] = {}

    def images(self, size: int) -> NDArray[np.uint8]:
        """``(N, size, size, 3)``."""
        if size not in self._images:
            self._images[size] = load_rgb(self.samples, size)
        return self._images[size]

    def masks(self, size: int) -> NDArray[np.uint8]:
        """``(N, size, size)``, zero where there is no mask."""
        if size not in self._masks:
            masks = np.zeros((len(self.samples), size, size), np.uint8)
            if self.has_mask.any():
                known = [sample for sample in self.samples if sample.mask is not None]
                masks[self.has_mask] = load_masks(known, size, official=self.official)
            self._masks[size] = masks
        return self._masks[size]

    def is_of(self, scores: Scores) -> bool:
        """Whether scores were made on these images and masks."""
        size = scores.score_maps.shape[-1]
        return (
            np.array_equal(scores.keys, self.keys)
            and np.array_equal(scores.labels, self.labels)
            and np.array_equal(scores.has_mask, self.has_mask)
            and np.array_equal(scores.masks, self.masks(size))
        )


def _measured(run: RunFolder, test_set: _TestSet, name: str, arm: str, seed: int) -> Run:
    category, support = test_set.category, test_set.support
    folder = run.detector(category.name, name, arm, seed)
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder}: the detector is not trained; run 'anogen train {run.path}' first."
        )
    review = digest_of(run, category.name, arm)
    if noted(folder) != review:
        raise InputError(
            f"{folder}: trained before {run.bank(category.name)} was reviewed; run 'anogen train "
            f"{run.path}' first."
        )
    scores = None
    with suppress(InputError):  # missing or damaged ones are made anew
        scores = read_scores(folder / SCORES)
    if scores is None or not test_set.is_of(scores):
        with timed(folder, "evaluate"):
            scores = _scores(folder / MODEL, test_set)
            write_scores(folder / SCORES, scores)
    defects = sorted({str(label) for label in scores.labels[scores.defective]})
    image, pixel = metrics_on(scores, np.ones(len(scores.keys), bool))
    own = {}
    for defect in defects:
        one = metrics_on(scores, ~scores.defective | (scores.labels == defect))
        own[defect] = DefectMetrics(image=one[0], pixel=one[1])
    counts = {
        "normals": len(category.train),
        "support": sum(len(shots) for shots in support.shots.values()),
        "excluded": len(category.test) - len(test_set.samples),
        "test_good": int((~scores.defective).sum()),
        "test_defective": int(scores.defective.sum()),
    }
    # Only where the settings ask for it, as the released codes do: nothing that is read by chance.
    if (both := learned_and_tested(support, test_set.samples)) > 0:
        counts["learned_and_tested"] = both
    seconds = seconds_of(folder)
    if with_generated(arm):
        bank = run.bank(category.name)
        seconds = seconds_of(run.concepts(category.name)) | seconds_of(bank) | seconds
        counts["generated"] = sum(1 for _ in Bank(bank).accepted())
    return Run(
        category=category.name,
        detector=name,
        arm=arm,
        seed=seed,
        image=image,
        pixel=pixel,
        defects=own,
        counts=counts,
        seconds=seconds,
        settings_hash=run.settings_hash(name, arm),
        review=review or None,
        versions=versions(),
    )


def _scores(model: Path, test_set: _TestSet) -> Scores:
    detector = load_detector(model)
    size = detector.image_size
    prediction = detector.predict(test_set.images(size))
    return Scores(
        keys=test_set.keys,
        labels=test_set.labels,
        image_scores=prediction.image_scores,
        score_maps=prediction.score_maps,
        masks=test_set.masks(size),
        has_mask=test_set.has_mask,
    )


def metrics_on(scores: Scores, rows: NDArray[np.bool_]) -> tuple[ImageMetrics, PixelMetrics]:
    """Metrics on some of the images; ``rows`` is bool ``(N,)``."""
    masks = [
        None if defective and not known else mask > 0
        for mask, known, defective in zip(
            scores.masks[rows], scores.has_mask[rows], scores.defective[rows], strict=True
        )
    ]
    values = metrics_of(
        scores.image_scores[rows], scores.defective[rows], scores.score_maps[rows], masks
    )
    return ImageMetrics(**values["image"]), PixelMetrics(**values["pixel"])
