"""Which pixels of a shrunken mask count, from the settings to the numbers."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from test_pipeline import SMALL_RUN

from anogen.data.images import read_image
from anogen.study.pipeline import run_all
from anogen.study.run_folder import RunFolder, open_run
from anogen.study.scores import SCORES, read_scores
from anogen.study.settings import EvaluationSettings, resolve
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.material import categories_of
from anogen.study.stages.predict import TestSet

SETTINGS = (
    *SMALL_RUN,
    "training.arms=[procedural]",
    "detectors.unet.image_size=32",
    "detectors.unet.patch=1",
)


@pytest.fixture(scope="module")
def finished(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    given = {"dataset": {"root": str(small_dataset)}, "prior": str(small_prior_file)}
    path = tmp_path_factory.mktemp("runs") / "truth"
    run_all(path, resolve("quick", given, overrides=SETTINGS), command=["anogen"])
    return open_run(path)


def with_truth(run: RunFolder, truth: str) -> RunFolder:
    changed = run.settings.evaluation.model_copy(update={"ground_truth": truth})
    return RunFolder(run.path, run.settings.model_copy(update={"evaluation": changed}))


def shrunken(dataset: Path, key: str, truth: str) -> np.ndarray:
    """The mask of a test image at half its size: by area, or bilinear and exactly full."""
    name = key.replace("/test/", "/ground_truth/").replace(".png", "_mask.png")
    mask = read_image(dataset / name)
    if truth == "half":
        means = (mask / 255).reshape(32, 2, 32, 2).mean(axis=(1, 3))
        return means >= 0.5
    small = cv2.resize(mask, (32, 32), interpolation=cv2.INTER_LINEAR)
    return small == 255


@pytest.mark.parametrize("truth", ["full", "half"])
def test_the_setting_reaches_the_numbers(
    finished: RunFolder, small_dataset: Path, truth: str
) -> None:
    run = with_truth(finished, truth)
    evaluate(run, categories_of(run))
    (stored,) = json.loads(run.results.read_text())["runs"]
    assert stored["protocol"]["ground_truth"] == truth
    scores = read_scores(run.detector("plate", "unet", "procedural", 0) / SCORES)
    expected = np.zeros(scores.masks.shape, bool)
    for row in np.flatnonzero(scores.defective):
        expected[row] = shrunken(small_dataset, str(scores.keys[row]), truth)
    np.testing.assert_array_equal(scores.masks > 0, expected)
    ap = average_precision_score(expected.ravel(), scores.score_maps.ravel())
    assert stored["pixel"]["ap"] == pytest.approx(ap)


def test_the_two_truths_differ_here(finished: RunFolder) -> None:
    sizes = []
    for truth in ("full", "half"):
        run = with_truth(finished, truth)
        ((category, support),) = categories_of(run)
        sizes.append(int(TestSet(run, category, support).masks(32, "unet").sum()))
    assert 0 < sizes[0] < sizes[1]


def test_official_is_each_detectors_own(finished: RunFolder) -> None:
    official = EvaluationSettings(ground_truth="official")
    assert [official.truth_of(name) for name in ("draem", "unet", "destseg")] == [
        "full",
        "full",
        "half",
    ]
    run = with_truth(finished, "official")
    ((category, support),) = categories_of(run)
    test_set = TestSet(run, category, support)
    assert test_set.masks(32, "draem").sum() < test_set.masks(32, "destseg").sum()
    given = {"dataset": {"root": "data"}}
    assert resolve("official", given).evaluation.ground_truth == "official"
