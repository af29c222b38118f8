"""Crop&Paste: known warps, known blends, and defects that stay where they are put."""

import numpy as np
import pytest

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.sizes import LearnedSizes
from anogen.synthesis.blending import faded_inside, feathered, matched, mixed, poisson
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.warping import warp_support

STILL = {"scale": (1.0, 1.0), "turn": 0.0, "mirror": False, "bend": 0.0}


def support(dtype=np.uint8):
    rng = np.random.default_rng(0)
    image = rng.integers(0, np.iinfo(dtype).max, (60, 80, 3)).astype(dtype)
    mask = np.zeros((60, 80), bool)
    mask[20:33, 30:51] = True
    mask[20:25, 30:36] = False
    return image, mask


def test_a_warp_that_does_nothing_is_a_crop():
    image, mask = support()
    warped = warp_support(image, mask, np.random.default_rng(0), **STILL, margin=4)
    np.testing.assert_array_equal(warped.image, image[16:37, 26:55])
    np.testing.assert_array_equal(warped.mask, mask[16:37, 26:55])


class Turning:
    """Stands for a generator that draws no change of scale, and one angle."""

    def __init__(self, degrees):
        self.values = [0.0, degrees]

    def uniform(self, *_):
        return self.values.pop(0)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact(quarters):
    image, mask = support()
    turning = Turning(-90.0 * quarters)
    warped = warp_support(image, mask, turning, scale=(1, 1), mirror=False, bend=0.0, margin=2)
    np.testing.assert_array_equal(warped.mask, np.rot90(mask[18:35, 28:53], quarters))
    expected = np.rot90(image[18:35, 28:53], quarters).astype(int)
    assert np.abs(warped.image - expected).max() <= 2


def test_scale_and_limit():
    image, mask = support()
    area = mask.sum()
    larger = warp_support(image, mask, np.random.default_rng(0), **{**STILL, "scale": (2, 2)})
    assert larger.mask.sum() == pytest.approx(4 * area, rel=0.1)
    for seed in range(40):
        small = warp_support(image, mask, np.random.default_rng(seed), margin=2, limit=(16, 12))
        assert small.mask.shape[0] <= 16
        assert small.mask.shape[1] <= 12
        assert small.mask.any()
        assert small.image.shape == (*small.mask.shape, 3)


def test_mirrored_and_bent_half_the_time():
    image, mask = support()
    settings = {**STILL, "mirror": True}
    masks = [
        warp_support(image, mask, np.random.default_rng(seed), **settings).mask
        for seed in range(60)
    ]
    mirrored = sum(np.array_equal(each, mask[20:33, 50:29:-1]) for each in masks)
    assert 15 < mirrored < 45
    bent = warp_support(image, mask, np.random.default_rng(0), **{**STILL, "bend": 0.1}).mask
    assert bent.shape != (13, 21) or (bent != mask[20:33, 30:51]).any()
    assert bent.sum() == pytest.approx(mask.sum(), rel=0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_defect_arrives_unchanged(dtype):
    image, mask = support(dtype)
    normal = np.full((100, 90, 3), np.iinfo(dtype).max // 2, dtype)
    synthesizer = CropPasteSynthesizer([(image, mask)], match=False, **STILL)
    anomaly = synthesizer(normal, None, np.random.default_rng(3))
    inside = anomaly.mask > 0
    np.testing.assert_array_equal(anomaly.image[inside], image[mask])
    np.testing.assert_array_equal(inside[Box.around(inside).slices], mask[20:33, 30:51])


@pytest.mark.parametrize("blend", ["feather", "poisson"])
@pytest.mark.parametrize(("surface", "expected"), [(200, 67), (50, 10)])
def test_matching_moves_the_paste_to_its_new_surroundings(blend, surface, expected):
    image = np.full((40, 40), 60, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[15:20, 15:22] = True
    image[mask] = 20
    normal = np.full((50, 50), surface, np.uint8)
    synthesizer = CropPasteSynthesizer([(image, mask)], blend=blend, **STILL)
    anomaly = synthesizer(normal, None, np.random.default_rng(0))
    # A third of the light on a brighter surface, 40 below a darker one, and no seam around it.
    assert set(np.unique(anomaly.image[anomaly.mask > 0])) == {expected}
    np.testing.assert_array_equal(anomaly.image[anomaly.mask == 0], surface)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_thin_defect_changes_what_it_crosses_as_it_changed_its_shot(dtype):
    """A crack of three quarters of its surface's light, on a part with a dark line; a scratch."""
    unit = np.iinfo(dtype).max // 255
    mask = np.zeros((60, 90), bool)
    mask[30:32, 20:70] = True
    crack, scratch = np.full((2, 60, 90), 160 * unit, dtype)
    crack[mask] = 120 * unit
    scratch[mask] = 190 * unit
    normal = np.full((100, 100), 200 * unit, dtype)
    normal[:, 45:55] = 20 * unit
    region = Box(15, 40, 85, 60).mask(100, 100)
    for shot, on_surface, on_line in ((crack, 150, 15), (scratch, 217.4, 50)):
        synthesizer = CropPasteSynthesizer([(shot, mask)], blend="toned", **STILL)
        anomaly = synthesizer(normal, region, np.random.default_rng(0))
        inside = anomaly.mask > 0
        for level, expected in ((200, on_surface), (20, on_line)):
            found = np.median(anomaly.image[inside & (normal == level * unit)])
            assert found / unit == pytest.approx(expected, abs=0.6)
        pasted = CropPasteSynthesizer([(shot, mask)], **STILL)(
            normal, region, np.random.default_rng(0)
        )
        np.testing.assert_array_equal(pasted.mask, anomaly.mask)
        on_line = pasted.image[inside & (normal == 20 * unit)]
        assert np.median(on_line) > 100 * unit  # which pasting paints over


def test_a_thick_defect_hides_what_it_lies_on():
    image, mask = support()
    normal = np.random.default_rng(1).integers(0, 255, (100, 100, 3)).astype(np.uint8)
    region = Box(20, 20, 80, 80).mask(100, 100)
    toned, pasted = (
        CropPasteSynthesizer([(image, mask)], blend=blend, turns=3)(
            normal, region, np.random.default_rng(0)
        )
        for blend in ("toned", "feather")
    )
    np.testing.assert_array_equal(toned.image, pasted.image)


def test_a_surface_is_warped_along():
    image, mask = support()
    warped = warp_support(image, mask, np.random.default_rng(2), margin=3, surface=255 - image)
    assert warped.surface is not None
    assert np.abs(warped.image.astype(int) + warped.surface - 255).max() <= 1


def test_a_box_that_holds_the_defect_gets_all_of_it():
    image, mask = support()
    normal = np.zeros((100, 100, 3), np.uint8)
    region = Box(40, 30, 80, 60).mask(100, 100)
    for seed in range(20):
        anomaly = CropPasteSynthesizer([(image, mask)], **STILL)(
            normal, region, np.random.default_rng(seed)
        )
        assert anomaly.mask.sum() == mask.sum()


def test_defects_in_boxes_of_their_size_keep_it_and_come_as_often():
    shapes = [(8, 30), (9, 11), (26, 22)]
    supports = []
    for height, width in shapes:
        mask = np.zeros((120, 120), bool)
        mask[40 : 40 + height, 50 : 50 + width] = True
        supports.append((np.where(mask, 20, 200).astype(np.uint8), mask))
    synthesizer = CropPasteSynthesizer(supports)
    normal = np.full((120, 120), 180, np.uint8)
    sizes = LearnedSizes.of_masks([m for _, m in supports], margin=0.15, jitter=0.2, turn=True)
    areas, shown = [[], [], []], np.zeros(3)
    for seed in range(120):
        rng = np.random.default_rng(seed)
        size = sizes.draw(120, 120, rng)
        box = Box(20, 20, 20 + round(size.width), 20 + round(size.height))
        pasted = synthesizer(normal, box.mask(120, 120), rng)
        shown[pasted.provenance["support"]] += 1
        areas[pasted.provenance["support"]].append(pasted.mask.sum())
    assert shown.min() > 25
    for found, (_, mask) in zip(areas, supports, strict=True):
        # Supports that are taken as they come have 0.48 over all.
        assert 0.8 < np.mean(found) / mask.sum() < 1.2


def test_a_region_that_asks_for_no_size_gets_any_support():
    supports = []
    for side in (6, 20):
        mask = np.zeros((60, 60), bool)
        mask[20 : 20 + side, 20 : 20 + side] = True
        supports.append((np.where(mask, 20, 200).astype(np.uint8), mask))
    synthesizer = CropPasteSynthesizer(supports)
    everywhere = np.ones((150, 150), bool)
    normal = np.full((150, 150), 180, np.uint8)
    shown = [
        synthesizer(normal, everywhere, np.random.default_rng(seed)).provenance["support"]
        for seed in range(40)
    ]
    assert 10 < sum(shown) < 30


def test_wrong_supports_are_refused():
    image, mask = support()
    with pytest.raises(InputError, match="at least one support"):
        CropPasteSynthesizer([])
    with pytest.raises(InputError, match="0 defective pixels"):
        CropPasteSynthesizer([(image, np.zeros_like(mask))])
    with pytest.raises(InputError, match="its image's size"):
        warp_support(image, mask[:-1], np.random.default_rng(0))


def test_feathers():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    np.testing.assert_allclose(feathered(mask, 2)[4, 4:8], [1, 2 / 3, 1 / 3, 0], atol=0.05)
    np.testing.assert_allclose(faded_inside(~mask, 2)[4, 4:8], [0, 1 / 3, 2 / 3, 1], atol=0.05)
    half = mixed(np.zeros((1, 1)), np.full((1, 1), 8.0), np.full((1, 1), 0.25))
    assert half.item() == 2.0
    ring = np.array([[True, False]])
    np.testing.assert_array_equal(
        matched(np.array([[1.0, 5.0]]), np.array([[4.0, 0.0]]), ring), [[4.0, 8.0]]
    )


@pytest.mark.parametrize("shape", [(7, 9), (3, 3), (12, 5, 3)])
def test_poisson_solves_its_equations(shape):
    rng = np.random.default_rng(0)
    normal, patch = rng.random((2, *shape)).astype(np.float32)
    mask = rng.random(shape[:2]) < 0.6
    result = poisson(normal, patch, mask).astype(np.float64)
    for y in range(shape[0]):
        for x in range(shape[1]):
            if y in (0, shape[0] - 1) or x in (0, shape[1] - 1):
                np.testing.assert_array_equal(result[y, x], normal[y, x])
                continue
            steps, guidance = 0.0, 0.0
            for b, a in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                source = patch if mask[y, x] and mask[b, a] else normal
                steps = steps + result[y, x] - result[b, a]
                guidance = guidance + source[y, x].astype(np.float64) - source[b, a]
            np.testing.assert_allclose(steps, guidance, atol=1e-5)


def test_poisson_without_inner_pixels_is_the_normal():
    normal = np.ones((2, 5), np.float32)
    np.testing.assert_array_equal(poisson(normal, normal * 2, np.ones((2, 5), bool)), normal)
