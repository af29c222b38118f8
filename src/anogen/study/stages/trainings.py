"""What a run trains: one job for each detector (or classifier), arm and seed, done side by side."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from anogen.data.sample import Category, SupportSet
from anogen.detection.saved import MODEL
from anogen.detection.training import CHECKPOINT, LOG
from anogen.study.durations import TIMES
from anogen.study.results import GENERATED
from anogen.study.run_folder import RunFolder, alone_in
from anogen.study.saying import say
from anogen.study.scores import SCORES
from anogen.study.side_by_side import side_by_side
from anogen.study.stages.classification import NAME, is_classified, train_classifier
from anogen.study.stages.material import Pairs
from anogen.study.stages.predict import TestSet, predict
from anogen.study.stages.train import TrainingImages, train
from anogen.study.threads import threads
from anogen.study.trained_on import images_of, note, others


@dataclass(frozen=True)
class Training:
    """One training of a run: which detector, on what, with which seed."""

    run: RunFolder
    category: Category
    support: SupportSet
    detector: str
    arm: str
    seed: int

    def __str__(self) -> str:
        return f"{self.category.name}, {self.detector}, {self.arm}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where it leaves its files."""
        return self.run.detector(self.category.name, self.detector, self.arm, self.seed)

    @property
    def threads(self) -> int | None:
        """With how many threads it is done; None for torch's own choice."""
        return self.run.settings.training.threads

    @property
    def images(self) -> dict[str, str]:
        """The images it is to be trained on, see :mod:`anogen.study.trained_on`."""
        return images_of(self.run, self.category, self.support, self.detector, self.arm)


def detectors_of(run: RunFolder, pairs: Pairs) -> list[Training]:
    """The trainings of all detectors, those that share their images one after the other."""
    training = run.settings.training
    return [
        Training(run, category, support, detector, arm, seed)
        for category, support in pairs
        for detector in training.detectors
        for seed in range(training.seeds)
        for arm in training.arms
    ]


def untrained(run: RunFolder, pairs: Pairs) -> list[Training]:
    """What is left to train, classifiers too; a finished one loses its checkpoint.

    What was trained on a bank that has been reviewed since, or on other images than there are now,
    is to be trained again.
    """
    classifiers = [
        Training(run, category, support, NAME, GENERATED, seed)
        for category, support in pairs
        if is_classified(run, category)
        for seed in range(run.settings.training.seeds)
    ]
    left = []
    for training in [*detectors_of(run, pairs), *classifiers]:
        folder = training.folder
        done = (folder / MODEL).exists()
        if done and others(folder, training.images):
            say(f"note: {training} was trained on other images; it is trained again")
            done = False
        if done:
            (folder / CHECKPOINT).unlink(missing_ok=True)  # of a kill at the very end
        else:
            left.append(training)
    return left


def do_trainings(
    trainings: Sequence[Training],
    *,
    train: bool,
    predict: bool,
    workers: int | None,
    on_done: Callable[[Training], None] | None = None,
) -> None:
    """Train and predict, with a line for each that ended.

    Args:
        trainings: what is done.
        train: whether to train what is not trained.
        predict: whether to write the detectors' scores.
        workers: processes side by side; None takes as many as the processor's cores feed, and one
            with a GPU. No result depends on it.
        on_done: called with each that ended.

    Raises:
        InputError: what the first one that failed has said.
    """
    one_by_one = any(training.threads is None for training in trainings)
    if workers is not None and workers > 1 and len(trainings) > 1 and one_by_one:
        say("note: training.threads is null, so trainings run one after another, each on all cores")

    def ended(training: Training, seconds: float, left: int) -> None:
        say(f"  {'trained' if train else 'predicted'} {training}: {seconds:.0f} s, {left} left")
        if on_done is not None:
            on_done(training)

    side_by_side(
        trainings,
        partial(_Trainer, train=train, predict=predict),
        workers=processes(trainings, workers),
        on_done=ended,
    )


def processes(trainings: Sequence[Training], workers: int | None) -> int:
    """How many processes trainings are done in: as many as asked for, or as keep this machine busy.

    One where ``training.threads`` is null: each training takes all cores then.
    """
    if any(training.threads is None for training in trainings):
        return 1
    if workers is None:
        if torch.cuda.is_available():
            return 1
        affinity = getattr(os, "sched_getaffinity", None)  # not on every system
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        most = max((training.threads or 1 for training in trainings), default=1)
        return max(1, cores // most)
    return workers


class _Trainer:
    """Does trainings, and keeps the images of the last, which the next may share."""

    def __init__(self, *, train: bool, predict: bool) -> None:
        self.trains, self.predicts = train, predict
        self._images: tuple[object, TrainingImages] | None = None
        self._test_set: tuple[object, TestSet] | None = None

    def __call__(self, training: Training) -> None:
        # A process that outlives its killed run for a moment may still be at it.
        with threads(training.threads), alone_in(training.folder):
            if self.trains:
                self._train(training)
            if self.predicts and training.detector != NAME:
                predict(training.folder, self._test_set_of(training))

    def _train(self, training: Training) -> None:
        run, category, folder = training.run, training.category, training.folder
        note(folder, training.images, stale=(MODEL, CHECKPOINT, LOG, SCORES, TIMES))
        if not (folder / MODEL).exists():
            (folder / SCORES).unlink(missing_ok=True)  # of a model that someone has removed
        if training.detector == NAME:
            train_classifier(run, category, training.seed)
        else:
            train(self._images_of(training), training.detector, training.arm, training.seed)

    def _images_of(self, training: Training) -> TrainingImages:
        run, category, support = training.run, training.category, training.support
        key = (run.path, category.name, training.detector)
        if self._images is None or self._images[0] != key:
            self._images = None  # free before the next are decoded
            self._images = key, TrainingImages(run, category, support, training.detector)
        return self._images[1]

    def _test_set_of(self, training: Training) -> TestSet:
        key = (training.run.path, training.category.name)
        if self._test_set is None or self._test_set[0] != key:
            test_set = TestSet(training.run, training.category, training.support)
            self._test_set = key, test_set
        return self._test_set[1]
