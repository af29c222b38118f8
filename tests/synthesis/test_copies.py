"""Near-copies by their imprints."""

import numpy as np
import pytest

from anogen.synthesis.copies import copy_limit, imprint, imprint_distance, nearest


def defect(seed: int, *, x: int = 10, ground: int = 100, side: int = 12):
    image = np.full((48, 48), ground, np.uint8)
    mask = np.zeros((48, 48), bool)
    mask[14 : 14 + side, x : x + side] = True
    relief = np.random.default_rng(seed).integers(-60, 60, (side, side))
    image[mask] = (ground + relief).ravel()
    return image, mask


def test_the_same_defect_elsewhere_on_another_ground_is_a_copy() -> None:
    one, same = imprint(*defect(0)), imprint(*defect(0, x=25, ground=140))
    assert imprint_distance(one, same) == pytest.approx(0, abs=1e-6)
    assert imprint_distance(one, imprint(*defect(1))) > 0.5
    assert imprint_distance(one, imprint(*defect(0, side=16))) == 1


def test_distance_by_hand() -> None:
    image, mask = defect(0)
    image[mask] = 120
    darker = image.copy()
    darker[mask] = 60  # reliefs of 20 and -40: |60| / (|20| + |40|)
    assert imprint_distance(imprint(image, mask), imprint(darker, mask)) == pytest.approx(1)
    darker[mask] = 160  # 20 and 60
    assert imprint_distance(imprint(image, mask), imprint(darker, mask)) == pytest.approx(0.5)


def test_the_limit_lies_between_resampling_and_other_shots() -> None:
    shots = [defect(0), defect(1), defect(2)]
    limit = copy_limit(shots)
    assert 0 < limit < imprint_distance(imprint(*shots[0]), imprint(*shots[1]))
    image, mask = shots[0]
    noisy = (image + np.random.default_rng(3).integers(-2, 3, image.shape)).astype(np.uint8)
    assert nearest(imprint(noisy, mask), [imprint(*shot) for shot in shots]) < limit
    assert nearest(imprint(noisy, mask), []) == 1
    assert copy_limit([shots[0], shots[0]]) == 0  # the same shot twice says nothing
