"""Sampled masks: which are legal, and where they are put."""

import numpy as np
import pytest
from scipy import ndimage

from anogen.errors import InputError
from anogen.placement.boxes import Ground
from anogen.placement.learned_masks import LearnedMasks, Rules
from anogen.placement.settings import PlacementSettings

SHAPE = (90, 160)  # 120 pixels to the side of a square image


def bar(height, width, shape=SHAPE, at=(40, 60)):
    mask = np.zeros(shape, bool)
    mask[at[0] : at[0] + height, at[1] : at[1] + width] = True
    return mask


SUPPORT = bar(4, 30)
SIDE = 0.5  # a square of 60 pixels, sampled at 30: two pixels of the image each


def square(height, width, at=(8, 5)):
    return bar(height, width, (30, 30), at)


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        (square(3, 14), None),
        (square(0, 0), "empty"),
        (square(1, 5), "empty"),
        (square(2, 6), "size"),  # 48 pixels of the image, less than half of 120
        (square(8, 9), "size"),  # 288, more than twice 120
        (square(2, 12, (0, 5)), "border"),  # 12 of 30 pixels of the upper line
        (square(2, 15), "copy"),  # the support mask at half the resolution
        (square(15, 2), "copy"),  # the same, turned
    ],
)
def test_the_rule_that_a_mask_breaks(mask, problem):
    assert Rules([SUPPORT], side=SIDE, size=30).problem(mask) == problem


def learned(sampled, support=SUPPORT, **settings):
    rules = PlacementSettings.model_validate(settings)
    return LearnedMasks([support], np.stack(sampled), side=SIDE, settings=rules)


def test_masks_keep_shape_and_size_and_lie_on_the_object():
    object_ = np.zeros(SHAPE, bool)
    object_[20:80, 50:150] = True
    forbidden = bar(60, 20, at=(20, 90))
    ell = square(2, 10) | square(8, 2)
    shapes = {square(3, 14)[8:11, 5:19].tobytes(), ell[8:16, 5:15].tobytes()}
    masks = learned([square(3, 14), ell], on_foreground=0.9, border=2)
    found = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        place = masks.draw(Ground(object_, None, forbidden), rng, what="plate")
        found.add(place.shape[::2, ::2].tobytes())
        # Each sampled pixel is a block of two by two.
        np.testing.assert_array_equal(place.shape, np.kron(place.shape[::2, ::2], np.ones((2, 2))))
        mask = place.mask(*SHAPE)
        assert object_[mask].mean() >= 0.9
        assert not mask[forbidden].any()
        again = masks.draw(
            Ground(object_, None, forbidden), np.random.default_rng(seed), what="plate"
        )
        np.testing.assert_array_equal(mask, again.mask(*SHAPE))
    assert found == shapes


def test_other_resolutions_scale_the_mask():
    masks = learned([square(3, 14)])
    large = Ground(np.ones((180, 320), bool))
    place = masks.draw(large, np.random.default_rng(0), what="plate")
    assert place.shape.shape == (12, 56)


def test_half_lie_where_the_support_masks_do():
    object_ = np.zeros(SHAPE, bool)
    object_[10:80, 20:140] = True
    support = bar(4, 30, at=(14, 24))
    rules = PlacementSettings()
    masks = LearnedMasks(
        [support], square(3, 14)[None], side=SIDE, objects=[object_], settings=rules
    )
    near = 0
    for seed in range(60):
        place = masks.draw(Ground(object_), np.random.default_rng(seed), what="plate")
        y, x = ndimage.center_of_mass(place.mask(*SHAPE))
        near += abs(y - 16) < 20 and abs(x - 39) < 35
    assert 24 <= near <= 50


@pytest.mark.parametrize(
    ("sampled", "settings", "message"),
    [
        (
            square(2, 15),
            {"attempts": 1},
            r"plate: none of 1 learned masks .* 1 were copies of a support mask; .*masks\.steps",
        ),
        (square(3, 14), {"on_foreground": 1.0}, r"lay too little on the object"),
        (square(3, 14), {"border": 44}, r"did not fit into the image"),
    ],
)
def test_an_end_with_a_reason(sampled, settings, message):
    ground = Ground(bar(3, 3, at=(20, 20)) if "on_foreground" in settings else np.ones(SHAPE, bool))
    with pytest.raises(InputError, match=message):
        learned([sampled], **settings).draw(ground, np.random.default_rng(0), what="plate")


def test_no_sampled_mask_is_refused():
    with pytest.raises(ValueError, match="no sampled mask"):
        LearnedMasks([SUPPORT], [], side=SIDE, settings=PlacementSettings())
