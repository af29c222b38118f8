"""Where the weights of a detector start."""

from pathlib import Path

import numpy as np
import pytest
import torch
from examples import NORMALS, tiny, tiny_settings

from anogen.detection.saved import load_detector, make_detector
from anogen.detection.settings import preset, settings_from
from anogen.detection.start import start_file, start_fingerprint
from anogen.errors import InputError


@pytest.mark.parametrize("name", ["unet", "draem", "destseg"])
def test_a_training_starts_from_the_weights_of_another(name: str, tmp_path: Path) -> None:
    first, mixture = tiny(name)
    first.step(mixture.batch(0, seed=0))
    first.save(tmp_path / "model.safetensors")
    start = str(tmp_path / "model.safetensors")
    second = make_detector(tiny_settings(name).model_copy(update={"start": start}), seed=99)
    np.testing.assert_array_equal(
        first.predict(NORMALS).score_maps, second.predict(NORMALS).score_maps
    )
    assert second.state()["steps_done"] == 0


def test_a_saved_detector_opens_without_the_weights_that_it_started_from(tmp_path: Path) -> None:
    detector, _ = tiny("unet")
    detector.save(tmp_path / "start.safetensors")
    start = str(tmp_path / "start.safetensors")
    second = make_detector(tiny_settings("unet").model_copy(update={"start": start}))
    second.save(tmp_path / "model.safetensors")
    (tmp_path / "start.safetensors").unlink()
    opened = load_detector(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        opened.predict(NORMALS).score_maps, second.predict(NORMALS).score_maps
    )


def test_a_missing_file_is_named() -> None:
    settings = tiny_settings("unet").model_copy(update={"start": "pre-trained"})
    with pytest.raises(InputError, match=r"unet\.start: pre-trained is neither random nor"):
        start_file(settings)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    tiny("draem")[0].save(tmp_path / "model.safetensors")
    start = str(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"unet\.start: .*model.safetensors has no weights"):
        make_detector(tiny_settings("unet").model_copy(update={"start": start}))


def test_packaged_weights_are_for_one_shape() -> None:
    values = preset("unet", "quick").model_dump() | {"start": "pretrained", "width": 32}
    with pytest.raises(InputError, match="pretrained unet has width 16, patch 2"):
        settings_from(values, source="here")
    values = preset("destseg", "quick").model_dump() | {"start": "pretrained"}
    with pytest.raises(InputError, match="no pretrained destseg"):
        settings_from(values, source="here")


@pytest.mark.parametrize("name", ["unet", "draem"])
def test_the_package_has_the_weights_of_quick(name: str) -> None:
    settings = preset(name, "quick")
    assert settings.start == "pretrained"
    detector = make_detector(settings.model_copy(update={"precision": "fp32"}))
    fresh = make_detector(settings.model_copy(update={"start": "random", "precision": "fp32"}))
    images = np.random.default_rng(0).integers(0, 255, (1, 256, 256, 3), dtype=np.uint8)
    assert torch.isfinite(torch.from_numpy(detector.predict(images).score_maps.astype(float))).all()
    assert not np.array_equal(detector.predict(images).score_maps, fresh.predict(images).score_maps)


def test_starts_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    settings = tiny_settings("unet")
    assert start_fingerprint(settings.model_copy(update={"start": "random"})) == "random"
    prints = set()
    for seed in (0, 1):
        path = tmp_path / f"{seed}.safetensors"
        make_detector(settings.model_copy(update={"start": "random"}), seed=seed).save(path)
        prints.add(start_fingerprint(settings.model_copy(update={"start": str(path)})))
    assert len(prints) == 2
