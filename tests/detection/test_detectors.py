"""One contract for every registered detector."""

from pathlib import Path

import numpy as np
import pytest
import torch
from examples import NORMALS, SIDE, square, tiny, tiny_settings
from sklearn.metrics import roc_auc_score

from anogen.detection.contract import detectors
from anogen.detection.network_detector import rate_factor
from anogen.detection.saved import load_detector, make_detector
from anogen.errors import InputError
from anogen.metrics.image_score import max_of_mean, top_k_mean


@pytest.fixture(params=list(detectors))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_same_seed_same_weights_and_global_generator_untouched(name: str) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, second = (make_detector(tiny_settings(name), seed=5).state() for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    other = make_detector(tiny_settings(name), seed=6).state()
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


def test_state_resumes_exactly(name: str) -> None:
    unbroken, mixture = tiny(name)
    resumed, _ = tiny(name)
    for step in range(8):
        if step in (2, 5):
            state = unbroken.state()
            resumed, _ = tiny(name)
            resumed.load_state(state)
        expected = unbroken.step(mixture.batch(step, seed=0))
        if step >= 2:
            assert resumed.step(mixture.batch(step, seed=0)) == expected
    left, right = unbroken.state(), resumed.state()
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[key]) for key, value in left.items())


def test_prediction_form(name: str) -> None:
    detector, _ = tiny(name)
    for count in (0, 1, 18):
        images = NORMALS[np.arange(count) % len(NORMALS)]
        prediction = detector.predict(images)
        assert prediction.image_scores.shape == (count,)
        assert prediction.image_scores.dtype == np.float32
        assert prediction.score_maps.shape == (count, SIDE, SIDE)
        assert prediction.score_maps.dtype == np.float16
        assert ((prediction.score_maps >= 0) & (prediction.score_maps <= 1)).all()
    with pytest.raises(InputError, match="resize"):
        detector.predict(NORMALS[:, :32])


def test_predicting_changes_nothing(name: str) -> None:
    plain, mixture = tiny(name)
    watched, _ = tiny(name)
    for step in range(4):
        watched.predict(NORMALS)
        assert plain.step(mixture.batch(step, seed=0)) == watched.step(mixture.batch(step, seed=0))


def test_saved_detector_predicts_the_same(name: str, tmp_path: Path) -> None:
    detector, mixture = tiny(name)
    for step in range(3):
        detector.step(mixture.batch(step, seed=0))
    path = tmp_path / "model.safetensors"
    detector.save(path, provenance={"arm": "x"})
    loaded = load_detector(path)
    assert loaded.settings == detector.settings
    expected, found = detector.predict(NORMALS), loaded.predict(NORMALS)
    assert np.array_equal(expected.score_maps, found.score_maps)
    assert np.array_equal(expected.image_scores, found.image_scores)


@pytest.mark.parametrize(("name", "steps"), [("unet", 40), ("draem", 60), ("destseg", 100)])
def test_learns_an_easy_defect(name: str, steps: int) -> None:
    detector, mixture = tiny(name, steps=steps)
    for step in range(steps):
        detector.step(mixture.batch(step, seed=0))
    image, mask = square(NORMALS[0], None, np.random.default_rng(9))
    prediction = detector.predict(np.stack([image, NORMALS[0]]))
    score_map = prediction.score_maps[0].astype(np.float32)
    assert roc_auc_score(mask.ravel(), score_map.ravel()) > 0.85
    assert prediction.image_scores[0] > prediction.image_scores[1]


def test_image_score_follows_the_setting() -> None:
    for kind, score in (("max_of_mean", max_of_mean), ("top_k_mean", top_k_mean)):
        settings = tiny_settings("unet")
        values = settings.model_dump() | {"image_score": {"kind": kind}}
        prediction = make_detector(type(settings)(**values)).predict(NORMALS)
        for image_score, score_map in zip(
            prediction.image_scores, prediction.score_maps, strict=True
        ):
            assert image_score == pytest.approx(score(score_map.astype(np.float32)), abs=1e-3)


def test_schedules_by_hand() -> None:
    base = tiny_settings("unet", steps=100)

    def factors(*steps: int, **update: object) -> list[float]:
        settings = base.model_copy(update=update)
        return [rate_factor(settings, step) for step in steps]

    assert factors(0, 99, schedule="constant") == [1, 1]
    dropping = factors(0, 49, 50, 75, schedule="steps", milestones=(0.5, 0.75), drop=0.1)
    assert dropping == pytest.approx([1, 1, 0.1, 0.01])
    # Ten steps of warm-up, then half a cosine over ninety.
    smooth = factors(0, 9, 10, 55, 99, schedule="cosine", warm_up=0.1)
    assert smooth == pytest.approx([0.1, 1, 1, 0.5, 0.0003], abs=1e-4)


def test_broken_files_are_said(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="train again"):
        load_detector(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="train again"):
        load_detector(path)
    tiny("unet")[0].save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="train again"):
        load_detector(path)
