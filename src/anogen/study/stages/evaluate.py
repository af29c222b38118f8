"""The measuring of a run: every trained detector on the held-out images, once."""

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.support import learned_and_tested
from anogen.detection.saved import MODEL
from anogen.errors import InputError
from anogen.metrics.evaluation import evaluate as metrics_of
from anogen.metrics.ranking import ranking_metrics
from anogen.study.arms import with_generated
from anogen.study.durations import seconds_of
from anogen.study.gain import gains_of, parts_of
from anogen.study.protocol import Protocol
from anogen.study.results import (
    DefectMetrics,
    ImageMetrics,
    PixelMetrics,
    Results,
    Run,
    read_results,
    write_results,
)
from anogen.study.reviewed import digest_of
from anogen.study.run_folder import RunFolder, versions
from anogen.study.scores import SCORES, Scores, read_scores
from anogen.study.stages.classification import measure_classifiers
from anogen.study.stages.generation import measure_generation
from anogen.study.stages.material import Pairs
from anogen.study.stages.predict import TestSet
from anogen.study.stages.trainings import Training, detectors_of, do_trainings
from anogen.study.threads import threads
from anogen.study.trained_on import REVIEW, others


def evaluate(run: RunFolder, pairs: Pairs, *, workers: int | None = 1) -> Results:
    """Predict what is not predicted yet, measure everything, and write ``results.json``.

    Scores of another test set (images or masks have come, gone or changed) are made anew.

    Args:
        run: where the detectors are.
        pairs: the categories and their shots.
        workers: processes that predict side by side; None takes as many as the cores feed.

    Raises:
        InputError: if a detector has not been trained, or its bank was reviewed since.
    """
    training = run.settings.training
    test_sets = {category.name: TestSet(run, category, support) for category, support in pairs}
    unpredicted = []
    for each in detectors_of(run, pairs):
        _need_trained(each)
        if not test_sets[each.category.name].is_predicted(each.folder, each.detector):
            unpredicted.append(each)
    do_trainings(unpredicted, train=False, predict=True, workers=workers)
    runs = [
        _measured(run, test_sets[category.name], name, arm, seed)
        for category, _ in pairs
        for name in training.detectors
        for arm in training.arms
        for seed in range(training.seeds)
    ]
    with threads(training.threads):
        classification = measure_classifiers(run, pairs) if training.classifies else ()
    results = Results(
        runs=tuple(runs),
        classification=classification,
        generation=measure_generation(run, pairs) if run.settings.evaluation.generation else (),
    )
    gains = gains_of(
        results,
        lambda one: read_scores(run.path / one.folder / SCORES),
        parts={category.name: parts_of(category.test) for category, _ in pairs},
    )
    results = results.model_copy(update={"gain": gains})
    write_results(run.results, results)
    return read_results(run.results)


def _need_trained(training: Training) -> None:
    run, folder = training.run, training.folder
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder}: the detector is not trained; run 'anogen train {run.path}' first."
        )
    changed = others(folder, training.images)
    if REVIEW in changed:
        raise InputError(
            f"{folder}: trained before {run.bank(training.category.name)} was reviewed; run "
            f"'anogen train {run.path}' first."
        )
    if changed:
        raise InputError(
            f"{folder}: trained on other images than there are now; run 'anogen train {run.path}' "
            "first."
        )


def _measured(run: RunFolder, test_set: TestSet, name: str, arm: str, seed: int) -> Run:
    category, support = test_set.category, test_set.support
    folder = run.detector(category.name, name, arm, seed)
    scores = read_scores(folder / SCORES)
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
        protocol=Protocol(
            image_score=run.settings.detectors[name].image_score,
            ground_truth=run.settings.evaluation.truth_of(name),
            include_support=run.settings.evaluation.include_support,
        ),
        review=digest_of(run, category.name, arm) or None,
        versions=versions(),
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
    by_type = _ap_by_type(scores, rows & scores.pixels_known, values["pixel"]["ap"])
    pixel = PixelMetrics(**values["pixel"], ap_by_type=by_type)
    return ImageMetrics(**values["image"]), pixel


def _ap_by_type(scores: Scores, rows: NDArray[np.bool_], ap: float | None) -> float | None:
    """Mean over types of the pixels' average precision; ``ap``, that of all, for one type."""
    kinds = np.unique(scores.labels[rows & scores.defective])
    if len(kinds) < 2:
        return ap
    found = []
    for kind in kinds:
        own = rows & (~scores.defective | (scores.labels == kind))
        ranking = ranking_metrics(scores.score_maps[own].ravel(), scores.masks[own].ravel() > 0)
        if ranking.ap is not None:
            found.append(ranking.ap)
    return float(np.mean(found)) if found else None
