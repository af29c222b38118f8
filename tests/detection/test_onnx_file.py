"""An ONNX file says what its detector says."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from examples import SIDE, tiny

from anogen.detection import onnx_file
from anogen.detection.image_score import image_score
from anogen.detection.onnx_file import scores_of, write_onnx
from anogen.detection.saved import load_detector
from anogen.detection.settings import ImageScore, MaximumOfMean, TopFractionMean, TopMean
from anogen.errors import InputError


@pytest.mark.parametrize(
    "settings", [MaximumOfMean(window=5), TopMean(k=7), TopMean(k=1000), TopFractionMean()]
)
def test_image_scores_are_those_of_the_maps(settings: ImageScore) -> None:
    maps = np.random.default_rng(0).random((3, 20, 24), dtype=np.float32)
    found = scores_of(torch.from_numpy(maps), settings).numpy()
    np.testing.assert_allclose(found, [image_score(one, settings) for one in maps], rtol=1e-5)


@pytest.mark.parametrize("name", ["unet", "draem", "destseg"])
def test_it_runs_elsewhere_with_the_same_scores(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    detector, mixture = tiny(name)
    detector.step(mixture.batch(0, seed=0))
    detector.save(tmp_path / "model.safetensors")
    model, out = tmp_path / "model.safetensors", tmp_path / "out/detector.onnx"
    assert write_onnx(model, out, metadata={"threshold": "0.25"}) == SIDE
    loaded = load_detector(model, device="cpu")
    session = runtime.InferenceSession(
        str(tmp_path / "out/detector.onnx"), providers=["CPUExecutionProvider"]
    )
    # Nothing of the machine that it was written on.
    assert b".py" not in (tmp_path / "out/detector.onnx").read_bytes()
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["detector"], facts["image_size"]) == (name, str(SIDE))
    assert facts["threshold"] == "0.25"
    for count in (1, 3):
        images = np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
        scores, maps = session.run(["image_score", "score_map"], {"image": images})
        expected = loaded.predict(images)
        np.testing.assert_allclose(scores, expected.image_scores, atol=1e-4)
        # Maps are kept as float16.
        np.testing.assert_allclose(maps, expected.score_maps.astype(np.float32), atol=1e-3)


def test_without_the_packages_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        onnx_file.importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name)
    )
    with pytest.raises(InputError, match=r"needs the package onnx.*pip install 'anogen\[onnx\]'"):
        write_onnx(tmp_path / "model.safetensors", tmp_path / "detector.onnx", metadata={})
    assert not list(tmp_path.iterdir())
