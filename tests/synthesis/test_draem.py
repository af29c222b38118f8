"""DRAEM's anomalies: the blending equation, the mask, and each colour operation."""

import cv2
import numpy as np
import pytest

from anogen.synthesis.draem import DraemSynthesizer, shuffled
from anogen.synthesis.texture_operations import OPERATIONS

GREY = np.full((64, 48, 3), 100, np.uint8)


def white(rng):  # noqa: ARG001
    return np.full((10, 10, 3), 255, np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blends_texture_and_image_by_opacity(dtype):
    depth = np.iinfo(dtype).max // 255
    normal = GREY.astype(dtype) * depth
    synthesizer = DraemSynthesizer(textures=white, operations=0)
    for seed in range(10):
        anomaly = synthesizer(normal, None, np.random.default_rng(seed))
        beta = anomaly.provenance["beta"]
        assert 0 <= beta <= 0.8
        expected = (beta * 100 + (1 - beta) * 255) * depth
        drawn = anomaly.image[anomaly.mask > 0]
        np.testing.assert_allclose(drawn.astype(float), expected, atol=0.51)
        np.testing.assert_array_equal(anomaly.image[anomaly.mask == 0], 100 * depth)


def test_cells_are_powers_of_two_of_both_axes():
    synthesizer = DraemSynthesizer(textures=white)
    cells = [
        synthesizer(GREY, None, np.random.default_rng(seed)).provenance["cells"]
        for seed in range(150)
    ]
    for axis in (0, 1):
        assert {pair[axis] for pair in cells} == {1, 2, 4, 8, 16, 32}


def test_a_mask_that_stays_empty_takes_the_highest_noise_of_the_region():
    region = np.zeros((64, 48), bool)
    region[10:30, 5:25] = True
    synthesizer = DraemSynthesizer(textures=white, threshold=9.0)
    anomaly = synthesizer(GREY, region, np.random.default_rng(0))
    assert anomaly.mask.sum() == pytest.approx(0.2 * region.sum(), rel=0.05)


def test_three_different_operations_are_applied():
    names = set()
    for seed in range(60):
        anomaly = DraemSynthesizer()(GREY, None, np.random.default_rng(seed))
        assert len(set(anomaly.provenance["operations"])) == 3
        names |= set(anomaly.provenance["operations"])
    assert len(names) == 10


def test_own_patches_are_shuffled_not_lost():
    image = np.random.default_rng(0).integers(0, 256, (840, 840, 3), dtype=np.uint8)
    mosaic = shuffled(image, np.random.default_rng(1))
    assert (mosaic != image).any()
    # 840 divides by 3 to 8, so every pixel is kept.
    np.testing.assert_array_equal(
        np.bincount(mosaic.ravel(), minlength=256), np.bincount(image.ravel(), minlength=256)
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_operations_keep_shape_and_input_and_do_something(operation):
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (31, 45, 3), dtype=np.uint8), (0, 0), 2)
    before = texture.copy()
    results = [operation(texture, rng) for _ in range(8)]
    np.testing.assert_array_equal(texture, before)
    assert all(result.shape == texture.shape for result in results)
    assert all(result.dtype == np.uint8 for result in results)
    assert any((result != texture).mean() > 0.2 for result in results)


class Fixed:
    """Stands for a generator whose uniform draws are known."""

    def __init__(self, *values):
        self.values = list(values)

    def uniform(self, *_, **__):
        return self.values.pop(0)

    def random(self):
        return self.values.pop(0)

    def integers(self, *_):
        return self.values.pop(0)


NAMED = {operation.__name__: operation for operation in OPERATIONS}
RAMP = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)


@pytest.mark.parametrize(
    ("name", "draws", "expected"),
    [
        ("gamma", [np.array([1.0, 2.0, 0.5])], lambda v: [v, v**2 / 255, np.sqrt(255 * v)]),
        ("solarise", [0.1, 64.0], lambda v: [np.where(v >= 64, 255 - v, v)] * 3),
        ("solarise", [0.9, 64.0], lambda v: [v] * 3),
        ("posterise", [2], lambda v: [v // 64 * 64] * 3),
        ("invert", [], lambda v: [255 - v] * 3),
        ("brightness", [1.2, -30.0], lambda v: [np.clip(1.2 * v - 30, 0, 255)] * 3),
        ("auto_contrast", [0.2], lambda v: [np.clip((v - 51) / (204 - 51) * 255, 0, 255)] * 3),
        ("equalise", [], lambda v: [v] * 3),
        ("rotate", [0.0], lambda v: [v] * 3),
        ("hue_and_saturation", [(0.0, 0.0)], lambda v: [v] * 3),
    ],
)
def test_operations_on_a_grey_ramp(name, draws, expected):
    result = NAMED[name](RAMP, Fixed(*draws))
    want = np.stack(expected(RAMP[..., 0].astype(float)), axis=-1)
    np.testing.assert_allclose(result, want, atol=2)


def test_hue_goes_round():
    red = np.full((2, 2, 3), (255, 0, 0), np.uint8)
    turned = NAMED["hue_and_saturation"](red, Fixed((-43.0, 0.0)))
    # 43 of 256 steps back from red is a sixth of the circle: magenta.
    np.testing.assert_allclose(turned[0, 0], (255, 0, 255), atol=8)
