"""What a trained detector says about the held-out images: ``scores.npz``."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.data.loading import load_masks, load_rgb
from anogen.data.sample import Category, SupportSet
from anogen.data.support import evaluation_samples
from anogen.detection.saved import MODEL, load_detector
from anogen.errors import InputError
from anogen.study.durations import timed
from anogen.study.protocol import GroundTruth
from anogen.study.run_folder import RunFolder
from anogen.study.scores import SCORES, Scores, read_scores, write_scores


class TestSet:
    """The held-out images of a category, decoded once for each size that is asked for."""

    __test__ = False  # no class of tests to pytest

    def __init__(self, run: RunFolder, category: Category, support: SupportSet) -> None:
        evaluation = run.settings.evaluation
        self.category, self.support = category, support
        self.samples = evaluation_samples(
            category, support, include_support=evaluation.include_support
        )
        self._truth_of = evaluation.truth_of
        self.keys = np.array([sample.key for sample in self.samples])
        self.labels = np.array([sample.label for sample in self.samples])
        self.has_mask = np.array([sample.mask is not None for sample in self.samples])
        self._images: dict[int, NDArray[np.uint8]] = {}
        self._masks: dict[tuple[int, GroundTruth], NDArray[np.uint8]] = {}

    def images(self, size: int) -> NDArray[np.uint8]:
        """``(N, size, size, 3)``."""
        if size not in self._images:
            self._images[size] = load_rgb(self.samples, size)
        return self._images[size]

    def masks(self, size: int, detector: str) -> NDArray[np.uint8]:
        """``(N, size, size)`` as a detector is measured on them, zero where there is no mask."""
        key = size, self._truth_of(detector)
        if key not in self._masks:
            masks = np.zeros((len(self.samples), size, size), np.uint8)
            if self.has_mask.any():
                known = [sample for sample in self.samples if sample.mask is not None]
                masks[self.has_mask] = load_masks(known, size, official=key[1] == "full")
            self._masks[key] = masks
        return self._masks[key]

    def is_predicted(self, folder: Path, detector: str) -> bool:
        """Whether scores of a detector lie there that were made on these images and masks."""
        with suppress(InputError):  # missing or damaged ones are made anew
            scores = read_scores(folder / SCORES)
            return (
                np.array_equal(scores.keys, self.keys)
                and np.array_equal(scores.labels, self.labels)
                and np.array_equal(scores.has_mask, self.has_mask)
                and np.array_equal(scores.masks, self.masks(scores.score_maps.shape[-1], detector))
            )
        return False


def predict(folder: Path, test_set: TestSet) -> None:
    """Write the scores of the detector that was trained in ``folder``."""
    with timed(folder, "evaluate"):
        detector = load_detector(folder / MODEL)
        size = detector.image_size
        prediction = detector.predict(test_set.images(size))
        scores = Scores(
            keys=test_set.keys,
            labels=test_set.labels,
            image_scores=prediction.image_scores,
            score_maps=prediction.score_maps,
            masks=test_set.masks(size, detector.name),
            has_mask=test_set.has_mask,
        )
        write_scores(folder / SCORES, scores)
