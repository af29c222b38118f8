"""Near-copies by their imprints."""

import numpy as np
import pytest

from anogen.synthesis.copies import (
    copy_limit,
    distance_to_shots,
    imprint,
    imprint_distance,
    nearest,
)


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


def test_a_shot_s_pixels_are_found_under_another_mask() -> None:
    shot = defect(0)
    image, mask = defect(0, x=25)
    mask[:16] = False  # the mask that was recovered lacks some rows and reaches beyond others
    mask[16:24, 37:39] = True
    assert distance_to_shots(image, mask, [defect(1), shot]) == pytest.approx(0, abs=1e-6)
    brighter = image + np.uint8(20)
    assert distance_to_shots(brighter, mask, [shot]) == pytest.approx(0, abs=1e-6)
    colour = np.repeat(image[..., None], 3, axis=2)
    assert distance_to_shots(colour, mask, [shot]) == pytest.approx(0, abs=1e-6)
    assert distance_to_shots(image, mask, [defect(1)]) > 0.4
    assert distance_to_shots(image, mask, []) == 1


def test_a_small_part_of_a_shot_is_no_copy_and_flat_ones_say_nothing() -> None:
    shot = defect(0)
    image, mask = defect(0)
    mask[17:] = False
    assert distance_to_shots(image, mask, [shot]) == 1
    flat = np.full((48, 48), 90, np.uint8)
    assert distance_to_shots(flat, shot[1], [(flat, shot[1])]) == 1


def test_distance_to_a_shot_by_hand() -> None:
    mask = np.zeros((8, 8), bool)
    mask[4, 2:4] = True
    one, other = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    one[4, 2:4] = 10, 30  # less the mean: -10 and 10
    other[4, 2:4] = 50, 110  # -30 and 30; |20 20| / (|10 10| + |30 30|)
    assert distance_to_shots(one, mask, [(other, mask)]) == pytest.approx(0.5)


def test_large_defects_are_compared_shrunken() -> None:
    rng = np.random.default_rng(4)
    coarse = rng.integers(40, 200, (40, 40), dtype=np.uint8)
    image = np.kron(coarse, np.ones((16, 16), np.uint8))
    mask = np.zeros(image.shape, bool)
    mask[32:600, 16:600] = True
    assert distance_to_shots(image, mask, [(image, mask)]) == pytest.approx(0, abs=1e-6)
    assert distance_to_shots(image[::-1], mask, [(image, mask)]) > 0.4
