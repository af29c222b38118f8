"""Tiny images, anomalies and detectors that the tests of this room share."""

import numpy as np
from numpy.typing import NDArray

from anogen.detection.contract import Detector
from anogen.detection.mixing import Mixture, ProceduralSource
from anogen.detection.saved import make_detector
from anogen.detection.settings import DetectorSettings, preset

SIDE = 64
NORMALS = np.random.default_rng(0).integers(90, 110, (5, SIDE, SIDE, 3), dtype=np.uint8)


def square(
    image: NDArray[np.uint8], region: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A bright square of 16 pixels at a random place."""
    assert region is None
    row, column = rng.integers(SIDE - 16, size=2)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[row : row + 16, column : column + 16] = 1
    return np.where(mask[..., None] > 0, 220, image).astype(np.uint8), mask


def tiny_settings(name: str, *, steps: int = 8) -> DetectorSettings:
    """The quick preset at a size that trains in a moment."""
    update: dict[str, object] = {
        "start": "random",
        "image_size": SIDE,
        "width": 4,
        "steps": steps,
        "batch_size": 3,
        "precision": "fp32",
    }
    if name == "draem":
        update |= {"reconstruction_width": 4}
    if name == "destseg":
        update |= {"head_width": 8, "teacher": "random"}
    return preset(name, "quick").model_copy(update=update)


def tiny(name: str, *, steps: int = 8) -> tuple[Detector, Mixture]:
    """A fresh detector and its batches; equal at every call."""
    settings = tiny_settings(name, steps=steps)
    source = ProceduralSource(square, name="square")
    mixture = Mixture(NORMALS, [source], settings=settings.mixture, batch_size=3)
    return make_detector(settings, seed=7), mixture
