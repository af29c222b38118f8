"""Views of shots: the defect is always in sight, and mask and box belong to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anogen.concept.settings import ConceptSettings
from anogen.concept.views import FAINTEST, draw_view

PLAIN = ConceptSettings(flips=False, quarter_turns=False, shift=0.0, zoom=(2.0, 2.0))


def shot(height, width, region):
    """An image that is red where the mask is, else dark, and the mask."""
    mask = np.zeros((height, width), bool)
    mask[region] = True
    image = np.full((height, width, 3), 20, np.uint8)
    image[mask] = (220, 20, 20)
    return image, mask


SHOTS = {
    "spot": shot(100, 120, np.s_[40:60, 50:70]),
    "corner": shot(100, 120, np.s_[90:100, 100:120]),
    "pixel": shot(100, 120, np.s_[7, 119]),
    "scratch across": shot(60, 900, np.s_[30, 5:890]),
    "hair in a large photograph": shot(2000, 1500, np.s_[100:1900, 700]),
    "everything": shot(30, 40, np.s_[:, :]),
    "two far pixels": shot(1200, 1000, (np.array([0, 1199]), np.array([0, 999]))),
}


@pytest.mark.parametrize("size", [32, 128])
@pytest.mark.parametrize("name", SHOTS)
def test_a_defect_never_vanishes(name, size):
    image, mask = SHOTS[name]
    for seed in range(6):
        view = draw_view(image, mask, size, ConceptSettings(), np.random.default_rng(seed))
        assert view.image.shape == (size, size, 3)
        assert view.mask.shape == view.box.shape == (size, size)
        assert view.image.min() >= 0
        assert view.image.max() <= 1
        assert FAINTEST <= view.mask.max() <= 1
        assert view.mask.min() >= 0
        assert set(np.unique(view.box)) <= {0.0, 1.0}
        # The box holds all of the mask that counts.
        assert not view.mask[view.box == 0].max(initial=0) > 0.25 * view.mask.max() + 1e-6
        # Red follows the mask: the defect is where it is said to be. (Cubic enlargement
        # overshoots and is clipped at black, hence not to the letter.)
        redness = np.clip((view.image[..., 0] - view.image[..., 1]) * 255 / 200, 0, 1)
        assert np.abs(redness - view.mask).max() < 0.05


def test_a_plain_view_by_hand():
    image, mask = SHOTS["spot"]
    view = draw_view(image, mask, 40, PLAIN, np.random.default_rng(0))
    # Twice the 20 pixels, centred: the window is [40, 80) x [30, 70), at its own size.
    np.testing.assert_allclose(view.image, image[30:70, 40:80] / np.float32(255), atol=1e-6)
    np.testing.assert_array_equal(view.mask, mask[30:70, 40:80])
    rows, columns = np.nonzero(view.box)
    # 2 to 15 % of the defect's side around it.
    assert 7 <= rows.min() <= 9
    assert 30 <= rows.max() <= 32
    assert 7 <= columns.min() <= 9


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_switches_switch(seed):
    image, mask = shot(64, 64, np.s_[20:40, 24:28])
    mask[20:24, 24:34] = True
    image[mask] = (220, 20, 20)

    def view(**given):
        chosen = PLAIN.model_copy(update=given)
        return draw_view(image, mask, 40, chosen, np.random.default_rng(seed)).mask

    plain = view()
    flips = [plain, plain[::-1], plain[:, ::-1], plain[::-1, ::-1]]
    turns = [np.rot90(plain, times) for times in range(4)]
    assert any(np.array_equal(view(flips=True), other) for other in flips)
    assert any(np.array_equal(view(quarter_turns=True), other) for other in turns)
    assert view(zoom=(3.0, 3.0)).mean() < plain.mean() < view(zoom=(1.3, 1.3)).mean()


def test_shifts_move_the_window_and_keep_the_defect():
    image, mask = SHOTS["spot"]
    chosen = PLAIN.model_copy(update={"shift": 1.0})
    starts = set()
    for seed in range(30):
        view = draw_view(image, mask, 40, chosen, np.random.default_rng(seed))
        assert view.mask.sum() == 400
        starts.add(int(np.nonzero(view.mask)[1].min()))
    assert len(starts) > 8


def test_the_same_generator_gives_the_same_view():
    image, mask = SHOTS["hair in a large photograph"]
    one, two = (
        draw_view(image, mask, 32, ConceptSettings(), np.random.default_rng(3)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.box, two.box)


def test_a_zoom_that_is_no_range_is_refused():
    for zoom in ((3.0, 1.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="positive range"):
            ConceptSettings(zoom=zoom)


def test_without_zoom_a_view_is_the_whole_image_squeezed():
    image, mask = shot(80, 40, np.s_[20:40, 10:20])
    settings = ConceptSettings(zoom=None, flips=False, quarter_turns=False)
    view = draw_view(image, mask, 20, settings, np.random.default_rng(0))
    # Four rows and two columns to a pixel.
    expected = np.zeros((20, 20), np.float32)
    expected[5:10, 5:10] = 1
    np.testing.assert_allclose(view.mask, expected, atol=1e-6)
    np.testing.assert_allclose(view.image[..., 0] * 255, 20 + 200 * expected, atol=1e-3)
    # The shift moves windows; there is none.
    other = draw_view(
        image, mask, 20, settings.model_copy(update={"shift": 1.0}), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(view.image, other.image)


@pytest.mark.parametrize(("height", "width"), [(200, 4000), (4000, 200), (3000, 4000), (256, 3000)])
def test_without_zoom_a_pixel_is_seen_however_the_image_is_squeezed(height, width):
    settings = ConceptSettings(zoom=None)
    for row in (0, height // 3, height - 1):
        image, mask = shot(height, width, np.s_[row, width // 3])
        view = draw_view(image, mask, 256, settings, np.random.default_rng(0))
        # Its share of the view is that of the image, but for what cubic interpolation adds.
        assert view.mask.sum() == pytest.approx(256 * 256 / (height * width), rel=0.3)
        assert view.box.any()


def test_flips_may_leave_top_and_bottom():
    image, mask = shot(40, 40, np.s_[2:8, 4:30])
    places = {}
    for vertical in (True, False):
        settings = ConceptSettings(zoom=None, quarter_turns=False, vertical_flips=vertical)
        views = (
            draw_view(image, mask, 40, settings, np.random.default_rng(seed)) for seed in range(20)
        )
        places[vertical] = {tuple(np.argwhere(view.mask)[0]) for view in views}
    assert places[False] == {(2, 4), (2, 10)}
    assert places[True] == {(2, 4), (2, 10), (32, 4), (32, 10)}
