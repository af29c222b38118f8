"""The measuring of a run: every trained detector on the held-out images, once."""

import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.loading import load_masks, load_rgb
from anogen.data.sample import Category, Sample, SupportSet
from anogen.data.support import evaluation_samples
from anogen.detection.saved import MODEL, load_detector
from anogen.errors import InputError
from anogen.metrics.evaluation import evaluate as metrics_of
from anogen.study.gain import gains_of
from anogen.study.results import (
    PROCEDURAL,
    DefectMetrics,
    ImageMetrics,
    PixelMetrics,
    Results,
    Run,
    write_results,
)
from anogen.study.run_folder import RunFolder, versions
from anogen.study.scores import Scores, read_scores, write_scores
from anogen.study.stages.train import TIMES

SCORES = "scores.npz"


def evaluate(run: RunFolder, pairs: list[tuple[Category, SupportSet]]) -> Results:
    """Predict what is not predicted yet, measure everything, and write ``results.json``.

    Raises:
        InputError: if a detector has not been trained.
    """
    training, runs = run.settings.training, []
    for category, support in pairs:
        samples = evaluation_samples(
            category, support, include_support=run.settings.evaluation.include_support
        )
        for name in training.detectors:
            for arm in training.arms:
                for seed in range(training.seeds):
                    runs.append(_measured(run, category, support, samples, name, arm, seed))
    results = Results(runs=tuple(runs))
    gains = gains_of(results, lambda one: read_scores(run.path / one.folder / SCORES))
    results = results.model_copy(update={"gain": gains})
    write_results(run.results, results)
    return results


def _measured(
    run: RunFolder,
    category: Category,
    support: SupportSet,
    samples: tuple[Sample, ...],
    name: str,
    arm: str,
    seed: int,
) -> Run:
    folder = run.detector(category.name, name, arm, seed)
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder}: the detector is not trained; run 'anogen train {run.path}' first."
        )
    seconds = json.loads((folder / TIMES).read_text()) if (folder / TIMES).exists() else {}
    if not (folder / SCORES).is_file():
        started = time.monotonic()
        write_scores(folder / SCORES, _scores(run, folder / MODEL, samples))
        seconds["evaluate"] = round(time.monotonic() - started, 2)
    scores = read_scores(folder / SCORES)
    if list(scores.keys) != [sample.key for sample in samples]:
        raise InputError(
            f"{folder / SCORES}: scores of another test set; delete it and evaluate again."
        )
    defects = sorted({str(label) for label in scores.labels[scores.defective]})
    image, pixel = _metrics(scores, np.ones(len(samples), bool))
    own = {}
    for defect in defects:
        one = _metrics(scores, ~scores.defective | (scores.labels == defect))
        own[defect] = DefectMetrics(image=one[0], pixel=one[1])
    counts = {
        "normals": len(category.train),
        "support": sum(len(shots) for shots in support.shots.values()),
        "excluded": len(category.test) - len(samples),
        "test_good": int((~scores.defective).sum()),
        "test_defective": int(scores.defective.sum()),
    }
    if arm != PROCEDURAL:
        counts["generated"] = sum(1 for _ in Bank(run.bank(category.name)).accepted())
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
        settings_hash=run.settings_hash(),
        versions=versions(),
    )


def _scores(run: RunFolder, model: Path, samples: tuple[Sample, ...]) -> Scores:
    detector = load_detector(model)
    size = detector.image_size
    prediction = detector.predict(load_rgb(samples, size))
    known = np.array([sample.mask is not None for sample in samples])
    masks = np.zeros((len(samples), size, size), np.uint8)
    if known.any():
        masks[known] = load_masks(
            [sample for sample in samples if sample.mask is not None],
            size,
            official=run.settings.evaluation.ground_truth == "full",
        )
    return Scores(
        keys=np.array([sample.key for sample in samples]),
        labels=np.array([sample.label for sample in samples]),
        image_scores=prediction.image_scores,
        score_maps=prediction.score_maps,
        masks=masks,
        has_mask=known,
    )


def _metrics(scores: Scores, rows: NDArray[np.bool_]) -> tuple[ImageMetrics, PixelMetrics]:
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
