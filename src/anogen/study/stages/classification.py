"""The classifiers of a run: types of defects, learned from the bank and tested on real images.

AnomalyDiffusion's protocol (Hu et al., AAAI 2024): nothing but generated images trains, and the
accuracy is over all held-out images of defects.
"""

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.bank.manifest import Entry
from anogen.data.images import to_rgb8
from anogen.data.loading import load_rgb
from anogen.data.resizing import resize_image
from anogen.data.sample import Category, SupportSet
from anogen.data.support import evaluation_samples
from anogen.detection.classifier import DefectClassifier, LabelledImages, load_classifier
from anogen.detection.saved import MODEL
from anogen.detection.training import train
from anogen.errors import InputError
from anogen.seeds import seed_of
from anogen.study.durations import timed
from anogen.study.results import GENERATED, Classification
from anogen.study.run_folder import RunFolder
from anogen.study.stages.material import Pairs
from anogen.study.trained_on import images_of, others

NAME = "classifier"
"""In the place of a detector, in the names of folders."""


def is_classified(run: RunFolder, category: Category) -> bool:
    """Whether a category has classifiers: the settings want them, and two types were drawn."""
    wanted = run.settings.training.classifies
    return wanted and _classifiable(list(Bank(run.bank(category.name)).accepted()))


def train_classifier(run: RunFolder, category: Category, seed: int) -> None:
    """Train a classifier of a category, or take up where that was interrupted."""
    bank = Bank(run.bank(category.name))
    entries = list(bank.accepted())
    settings = run.settings.classifier.resolved(len(entries))
    assert settings.steps is not None
    folder = run.detector(category.name, NAME, GENERATED, seed)
    images = LabelledImages(
        bank_images(bank, entries, settings.image_size),
        [entry.defect for entry in entries],
        settings=settings,
    )
    own = seed_of(run.settings.seed, NAME, category.name, seed)
    with timed(folder, "train"):
        classifier = DefectClassifier(settings, images.labels, seed=own)
        train(classifier, images, steps=settings.steps, seed=own, folder=folder)


def measure_classifiers(run: RunFolder, pairs: Pairs) -> tuple[Classification, ...]:
    """How often each classifier names the type of a held-out defect.

    Raises:
        InputError: if a classifier has not been trained, or its bank was reviewed since.
    """
    found = []
    for category, support in pairs:
        if not _classifiable(list(Bank(run.bank(category.name)).accepted())):
            continue
        for seed in range(run.settings.training.seeds):
            folder = run.detector(category.name, NAME, GENERATED, seed)
            images = images_of(run, category, support, NAME, GENERATED)
            if not (folder / MODEL).is_file() or others(folder, images):
                raise InputError(
                    f"{folder}: the classifier is not trained on the bank as it is now; run "
                    f"'anogen train {run.path}' first."
                )
            classifier = load_classifier(folder / MODEL)
            found.append(_measured(run, classifier, category, support, seed))
    return tuple(found)


def bank_images(bank: Bank, entries: list[Entry], size: int) -> NDArray[np.uint8]:
    """``(N, size, size, 3)`` images of a bank."""
    images = np.empty((len(entries), size, size, 3), np.uint8)
    for row, entry in enumerate(entries):
        images[row] = resize_image(to_rgb8(bank.image(entry)), size)
    return images


def _classifiable(entries: list[Entry]) -> bool:
    return len({entry.defect for entry in entries}) > 1


def _measured(
    run: RunFolder,
    classifier: DefectClassifier,
    category: Category,
    support: SupportSet,
    seed: int,
) -> Classification:
    tested = [
        sample
        for sample in evaluation_samples(
            category, support, include_support=run.settings.evaluation.include_support
        )
        if sample.label in classifier.labels
    ]
    images = load_rgb(tested, classifier.settings.image_size)
    named = [classifier.labels[row] for row in classifier.predict(images).argmax(axis=1)]
    right = np.array([name == s.label for name, s in zip(named, tested, strict=True)], dtype=bool)
    truth = np.array([sample.label for sample in tested])
    of_defect = {
        defect: float(right[truth == defect].mean())
        for defect in classifier.labels
        if (truth == defect).any()
    }
    return Classification(
        category=category.name,
        network=classifier.title,
        seed=seed,
        accuracy=float(right.mean()) if tested else None,
        defects=of_defect,
        labels=classifier.labels,
        images=len(tested),
    )
