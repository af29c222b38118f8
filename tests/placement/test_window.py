"""Windows: where they lie, what they cut, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anogen.placement.box import Box
from anogen.placement.window import Window, window_around


@st.composite
def boxes_in_images(draw):
    """A box and the height and width of the image it lies in."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
    return Box(x0, y0, x1, y1), height, width


@given(boxes_in_images(), st.integers(1, 64), st.floats(1, 4))
def test_a_window_holds_its_box_and_stays_inside_where_it_can(placed, size, context):
    box, height, width = placed
    window = window_around(box, height, width, size=size, context=context)
    longest = max(box.width, box.height)
    assert window.side >= longest
    assert window.side <= max(longest, min(height, width))
    assert window.side <= max(size, round(context * longest))
    assert window.x <= box.x0
    assert window.y <= box.y0
    assert box.x1 <= window.x + window.side
    assert box.y1 <= window.y + window.side
    for start, limit in ((window.x, width), (window.y, height)):
        if window.side <= limit:
            assert 0 <= start <= limit - window.side
        else:
            assert start <= 0
            assert start + window.side >= limit


def test_windows_by_hand():
    box = Box(100, 60, 120, 70)
    # Twice the longer side, centred on (110, 65).
    assert window_around(box, 200, 300, size=16, context=2) == Window(90, 45, 40)
    # At least the prior's own size.
    assert window_around(box, 200, 300, size=64, context=2) == Window(78, 33, 64)
    # At most the image's shorter side.
    assert window_around(box, 80, 300, size=128, context=2) == Window(70, 0, 80)
    # Moved inside at a corner.
    assert window_around(Box(0, 0, 10, 10), 200, 300, size=40, context=2) == Window(0, 0, 40)
    corner = Box(290, 190, 300, 200)
    assert window_around(corner, 200, 300, size=40, context=2) == Window(260, 160, 40)
    # A box longer than the image is high: the window leaves the image evenly above and below.
    assert window_around(Box(0, 0, 100, 10), 20, 300, size=8, context=1) == Window(0, -40, 100)


@given(boxes_in_images(), st.integers(1, 32), st.floats(1, 3), st.booleans())
def test_cut_and_box_of_are_inverse_at_the_windows_own_size(placed, size, context, colour):
    box, height, width = placed
    shape = (height, width, 3) if colour else (height, width)
    image = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    window = window_around(box, height, width, size=size, context=context)
    content = window.cut(image, window.side)
    assert content.dtype == np.float32
    assert content.shape[:2] == (window.side, window.side)
    np.testing.assert_array_equal(window.box_of(content, box), image[box.slices])


@given(boxes_in_images(), st.integers(1, 48), st.floats(1, 3), st.booleans())
def test_any_size_keeps_shapes_and_flat_tones(placed, size, context, colour):
    box, height, width = placed
    image = np.full((height, width, 3) if colour else (height, width), 77, np.uint8)
    window = window_around(box, height, width, size=size, context=context)
    content = window.cut(image, size)
    assert content.shape == (size, size, *image.shape[2:])
    np.testing.assert_allclose(content, 77, atol=1e-3)
    inside = window.box_of(content, box)
    assert inside.shape == (box.height, box.width, *image.shape[2:])
    np.testing.assert_allclose(inside, 77, atol=1e-3)


def test_what_lies_outside_is_mirrored_in():
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    window = window_around(Box(0, 0, 3, 1), 2, 3, size=1, context=1)
    assert window == Window(0, -1, 3)
    np.testing.assert_array_equal(window.cut(image, 3), [[4, 5, 6], [1, 2, 3], [4, 5, 6]])


def test_shrinking_averages_areas():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    # Means of the four 2 x 2 blocks.
    np.testing.assert_allclose(Window(0, 0, 4).cut(image, 2), [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(Window(1, 2, 2).cut(image, 2), [[9, 10], [13, 14]])


def test_enlarged_and_shrunk_again_a_smooth_window_stays():
    y, x = np.mgrid[:64, :64]
    image = (100 + 50 * np.sin(x / 12) + 40 * np.cos(y / 15)).astype(np.float32)
    window = Window(10, 8, 40)
    box = Box(15, 12, 45, 40)
    back = window.box_of(window.cut(image, 128), box)
    assert np.abs(back - image[box.slices]).max() < 1.0


@pytest.mark.parametrize("kind", [bool, np.uint16, np.float64])
def test_any_kind_of_image_is_cut(kind):
    image = np.ones((9, 9), kind)
    assert Window(0, 0, 9).cut(image, 4).dtype == np.float32
