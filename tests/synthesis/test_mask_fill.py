"""Filled masks: what is put into a mask is known where the support is made by hand."""

import cv2
import numpy as np
import pytest

from anogen.errors import InputError
from anogen.synthesis.mask_fill import MaskFill
from anogen.synthesis.part_coordinates import MOST_PIXELS, parts_of
from anogen.synthesis.surface import surface_under

GROUND = (120, 100, 90)
Y, X = np.mgrid[:100, :120]


def rng(seed=0):
    return np.random.default_rng(seed)


def lines(*corners, width=1):
    mask = np.zeros((100, 120), np.uint8)
    cv2.polylines(mask, [np.array(corners)], isClosed=False, color=1, thickness=width)
    return mask > 0


MASKS = {
    "disc": np.hypot(X - 50, Y - 40) < 15,
    "large": np.hypot(X - 60, Y - 50) < 45,
    "crack": lines((10, 10), (40, 30), (60, 25), (100, 80), width=3),
    "line": lines((5, 5), (110, 90)),
    "pixel": (X == 20) & (Y == 30),
    "two": (np.hypot(X - 20, Y - 40) < 10) | (np.hypot(X - 80, Y - 40) < 13),
    "ring": np.abs(np.hypot(X - 50, Y - 45) - 26) < 4,
    "fork": lines((10, 50), (60, 50), (110, 10), width=4) | lines((60, 50), (110, 90), width=4),
    "everything": np.ones((100, 120), bool),
}


def ground(dtype=np.uint8, colours=3, tone=GROUND):
    value = np.array(tone[:colours] if colours > 1 else tone[0], np.int64)
    scale = 257 if dtype == np.uint16 else 1
    shape = (100, 120, 3) if colours == 3 else (100, 120)
    return np.full(shape, value * scale, dtype)


def with_defect(mask, tone=(20, 200, 90), **kind):
    image = ground(**kind)
    image[mask] = ground(tone=tone, **kind)[mask]
    return image


@pytest.mark.parametrize("name", [name for name in MASKS if name != "everything"])
@pytest.mark.parametrize("kind", [{}, {"colours": 1}, {"dtype": np.uint16}])
def test_the_supports_own_mask_on_its_own_ground_gives_it_back(name, kind):
    """Noise in the mask: a map that is off by a part of a pixel would show."""
    mask, normal = MASKS[name], ground(**kind)
    support = normal.copy()
    support[mask] = rng().integers(0, np.iinfo(support.dtype).max, support[mask].shape)
    before = normal.copy()
    filled = MaskFill([(support, mask)])(normal, mask, rng(1))
    np.testing.assert_array_equal(normal, before)
    assert filled.dtype == normal.dtype
    difference = np.abs(filled.astype(int) - support.astype(int))
    assert difference.max() <= (1 if normal.dtype == np.uint8 else 40)


def test_a_shifted_mask_gives_the_shifted_defect():
    mask = np.roll(MASKS["crack"], (0, 5), (0, 1))
    support = ground()
    support[mask] = rng().integers(0, 256, (mask.sum(), 3))
    target = np.roll(mask, (7, 4), (0, 1))
    filled = MaskFill([(support, mask)])(ground(), target, rng())
    expected = np.roll(support, (7, 4), (0, 1))
    assert np.abs(filled.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("source", ["disc", "crack", "line", "two", "pixel"])
@pytest.mark.parametrize("target", MASKS)
def test_the_whole_mask_changes_and_nothing_else(source, target):
    """Any shape into any other, thin lines and all the image among them."""
    support = (with_defect(MASKS[source]), MASKS[source])
    # All hidden: the surface is told from the image's mean, which is its one tone.
    region, normal = MASKS[target], ground(tone=(140, 110, 100))
    filled = MaskFill([support])(normal, region, rng())
    np.testing.assert_array_equal(filled[~region], normal[~region])
    difference = filled.astype(int) - normal
    assert (difference[region][:, 0] < -10).all()
    assert (difference[region][:, 1] > 10).all()
    assert (np.abs(difference[region][:, 2]) <= 1).all()


def test_the_middle_stays_in_the_middle_and_the_rim_at_the_rim():
    """A dark rim around a bright core, from a disc into lines and a ring of other widths."""
    mask = np.hypot(X - 50, Y - 45) < 24
    support = ground(colours=1)
    support[mask] = 40
    support[np.hypot(X - 50, Y - 45) < 12] = 220
    zigzag = lines((10, 10), (60, 60), (110, 20), width=9)
    for region in (MASKS["ring"], zigzag):
        filled = MaskFill([(support, mask)])(ground(colours=1), region, rng())
        depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        assert np.median(filled[region & (depth <= 1)]) < 60
        assert np.median(filled[region & (depth >= depth.max() - 1)]) > 200


def test_both_ends_of_a_long_line_are_ends_of_a_short_one():
    """A tail that fades along its length, laid on a line that is five times as long."""
    mask = (np.abs(Y - 50) <= 2) & (X >= 40) & (X < 60)
    support = ground(colours=1)
    support[mask] = (20 + 5 * (X - 40))[mask]
    region = (np.abs(Y - 30) <= 2) & (X >= 10) & (X < 110)
    line = MaskFill([(support, mask)])(ground(colours=1), region, rng())[30, 10:110].astype(int)
    # To and fro five times, as it is five times as long.
    way = 1 - np.abs(np.linspace(0, 5, 100) % 2 - 1)
    np.testing.assert_allclose(line, 20 + 95 * way, atol=15)
    assert np.corrcoef(line, way)[0, 1] > 0.99


def test_the_tone_follows_the_surface():
    """Half as bright becomes half as bright; half the way to white stays half the way."""
    mask = MASKS["disc"]
    for tone, surface, expected in ((60, 40, 20), (60, 200, 100), (200, 180, 225), (200, 60, 140)):
        support = with_defect(mask, tone=(tone,), colours=1)
        normal = ground(colours=1, tone=(surface,))
        filled = MaskFill([(support, mask)])(normal, mask, rng())
        # Darker: 60 of 120, lighter: 80 of the 135 that were left to white.
        if tone > 120:
            expected = surface + 80 * min(1, (255 - surface) / 135)
        assert np.abs(filled[mask] - expected).max() <= 1


def test_kinds_mix_and_draws_repeat():
    support = (with_defect(MASKS["crack"]), MASKS["crack"])
    other = (with_defect(MASKS["disc"], colours=1, dtype=np.uint16), MASKS["disc"])
    fill = MaskFill([support, other])
    for kind in ({}, {"colours": 1}, {"dtype": np.uint16}, {"dtype": np.uint16, "colours": 1}):
        normal = ground(**kind)
        draws = [fill(normal, MASKS["fork"], rng(seed)) for seed in (0, 0, 1, 2, 3)]
        assert draws[0].dtype == normal.dtype
        assert draws[0].shape == normal.shape
        assert draws[0].tobytes() == draws[1].tobytes()
        assert len({draw.tobytes() for draw in draws}) >= 2


def test_coordinates_by_hand():
    (line,) = parts_of((Y == 20) & (X >= 10) & (X < 31))
    np.testing.assert_allclose(np.sort(line.along), np.arange(21) / 20)
    assert (line.depth == 1).all()
    assert not line.across.any()
    assert line.length == 21
    (bar,) = parts_of((np.abs(Y - 20) <= 4) & (X >= 10) & (X < 90))
    middle = (bar.points[:, 0] > 40) & (bar.points[:, 0] < 60)
    # Five pixels deep at most, from 1/2 to 9/2 under the outline; one side is negative.
    offset = bar.points[middle, 1] - 20
    np.testing.assert_allclose(bar.depth[middle], 1 - np.abs(offset) / 4.5, atol=0.02)
    side = np.sign(bar.across[middle][np.abs(offset) > 1] * offset[np.abs(offset) > 1])
    assert abs(side.sum()) == side.size
    first, second = parts_of(MASKS["two"])
    assert first.mask.sum() > second.mask.sum()
    (large,) = parts_of(MASKS["large"])
    assert len(large.along) <= 1.1 * MOST_PIXELS < large.mask.sum()
    assert parts_of(np.zeros((5, 5), bool)) == []


def test_surface_of_a_plane_and_of_a_constant():
    plane = (X + 2.0 * Y).astype(np.float32)
    hidden = np.hypot(X - 60, Y - 50) < 12
    shown = np.where(hidden, 1e3, plane).astype(np.float32)
    filled = surface_under(shown, hidden)
    np.testing.assert_array_equal(filled[~hidden], plane[~hidden])
    # The slope of 27 either way is followed, not only its mean.
    assert np.abs(filled - plane)[hidden].max() < 15
    flat = np.full((33, 50, 3), 7, np.float32)
    np.testing.assert_allclose(surface_under(flat, np.ones((33, 50), bool)), flat)
    part = np.zeros((33, 50), bool)
    part[:, :49] = True
    np.testing.assert_allclose(surface_under(flat, part), flat, rtol=1e-5)


def test_wrong_use_is_refused():
    with pytest.raises(InputError, match="at least one support"):
        MaskFill([])
    with pytest.raises(InputError, match="0 defective pixels"):
        MaskFill([(ground(), np.zeros((100, 120), bool))])
    with pytest.raises(InputError, match="region is empty"):
        MaskFill([(ground(), MASKS["disc"])])(ground(), np.zeros((100, 120), bool), rng())
