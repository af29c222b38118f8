"""The contract of synthesizers, for every procedural member."""

import numpy as np
import pytest
from test_anogen import MEMBERS as DIFFUSION

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.synthesis.contract import synthesizers

SHAPES = [(64, 64), (37, 61, 3), (96, 41, 3), (7, 5), (1, 1, 3), (3, 200)]
DTYPES = [np.uint8, np.uint16]


def picture(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def supports():
    mask = np.zeros((40, 50), bool)
    mask[12:25, 20:24] = mask[12:15, 20:38] = True
    thin = np.zeros((30, 30), bool)
    thin[15, 3:27] = True
    return [(picture((40, 50, 3), np.uint8, 1), mask), (picture((30, 30), np.uint16, 2), thin)]


def texture_source(rng):
    return rng.integers(0, 256, (20, 33, 3), dtype=np.uint8)


MEMBERS = {
    "draem": lambda: synthesizers["draem"](),
    "draem with textures": lambda: synthesizers["draem"](textures=texture_source),
    "cutpaste": lambda: synthesizers["cutpaste"](),
    "cutpaste patch": lambda: synthesizers["cutpaste"](form="patch"),
    "cutpaste scar": lambda: synthesizers["cutpaste"](form="scar"),
    "croppaste": lambda: synthesizers["croppaste"](supports=supports()),
    "croppaste poisson": lambda: synthesizers["croppaste"](supports=supports(), blend="poisson"),
}


def test_no_member_is_left_out():
    assert {name.partition(" ")[0] for name in MEMBERS} | set(DIFFUSION) == set(synthesizers)


def regions_of(shape):
    """Nowhere in particular, a box, and two far pixels."""
    height, width = shape[:2]
    box = Box(width // 3, height // 4, width // 3 + (width + 1) // 2, height // 4 + height // 2 + 1)
    pixels = np.zeros((height, width), bool)
    pixels[0, 0] = pixels[-1, -1] = True
    return [None, box.mask(height, width), pixels]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("member", MEMBERS)
def test_contract(member, shape, dtype):
    synthesizer = MEMBERS[member]()
    normal = picture(shape, dtype)
    before = normal.copy()
    for region in regions_of(shape):
        for seed in range(4):
            anomaly = synthesizer(normal, region, np.random.default_rng(seed))
            np.testing.assert_array_equal(normal, before)
            assert anomaly.image.shape == shape
            assert anomaly.image.dtype == dtype
            assert anomaly.mask.shape == anomaly.region.shape == shape[:2]
            assert anomaly.mask.dtype == np.float32
            assert anomaly.region.dtype == np.bool_
            assert 0 <= anomaly.mask.min() <= anomaly.mask.max() <= 1
            assert anomaly.mask.any()
            outside = ~anomaly.box.mask(*shape[:2])
            np.testing.assert_array_equal(anomaly.image[outside], normal[outside])
            assert not anomaly.mask[outside].any()
            assert not anomaly.region[outside].any()
            if region is None:
                np.testing.assert_array_equal(anomaly.region, ~outside)
            else:
                assert not anomaly.mask[~region].any()
                np.testing.assert_array_equal(anomaly.region, region & ~outside)
                np.testing.assert_array_equal(anomaly.image[~region], normal[~region])
            again = synthesizer(normal, region, np.random.default_rng(seed))
            assert again.image.tobytes() == anomaly.image.tobytes()
            assert again.mask.tobytes() == anomaly.mask.tobytes()
            assert (again.box, again.provenance) == (anomaly.box, anomaly.provenance)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_defect_is_seen_and_differs_with_the_seed(member):
    normal = picture((64, 64, 3), np.uint8)
    synthesizer = MEMBERS[member]()
    drawn = [synthesizer(normal, None, np.random.default_rng(seed)) for seed in range(6)]
    for anomaly in drawn:
        changed = (anomaly.image != normal).any(axis=2)
        assert changed[anomaly.mask > 0].mean() > 0.9
    assert len({anomaly.image.tobytes() for anomaly in drawn}) == 6


@pytest.mark.parametrize("member", MEMBERS)
def test_a_normal_image_may_be_read_only_and_strided(member):
    normal = picture((40, 60, 3), np.uint8)[::2, ::-1]
    normal.setflags(write=False)
    anomaly = MEMBERS[member]()(normal, None, np.random.default_rng(0))
    same = MEMBERS[member]()(normal.copy(), None, np.random.default_rng(0))
    np.testing.assert_array_equal(anomaly.image, same.image)


@pytest.mark.parametrize("member", MEMBERS)
def test_wrong_input_is_refused(member):
    synthesizer, rng = MEMBERS[member](), np.random.default_rng(0)
    with pytest.raises(InputError, match="uint8 or uint16"):
        synthesizer(np.zeros((8, 8), np.float32), None, rng)
    with pytest.raises(InputError, match=r"\(H, W, 3\)"):
        synthesizer(np.zeros((8, 8, 4), np.uint8), None, rng)
    normal = picture((8, 8), np.uint8)
    with pytest.raises(InputError, match="region is empty"):
        synthesizer(normal, np.zeros((8, 8), bool), rng)
    with pytest.raises(InputError, match="region must be boolean"):
        synthesizer(normal, np.ones((8, 9), bool), rng)
