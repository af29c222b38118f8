"""Whether the highest place of a score map is at a defect."""

import numpy as np
import pytest

from anogen.metrics.evaluation import evaluate
from anogen.metrics.located import located, located_share


def peak(row: int, column: int, size: int = 64) -> np.ndarray:
    scores = np.zeros((size, size), dtype=np.float16)
    scores[row - 2 : row + 3, column - 2 : column + 3] = 0.5
    return scores


def defect(row: int, column: int, size: int = 64) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[row, column] = True
    return mask


def test_at_the_defect_and_elsewhere() -> None:
    assert located(peak(30, 30), defect(30, 30))
    assert not located(peak(30, 30), defect(30, 60))


def test_the_window_that_touches_counts() -> None:
    wide = np.zeros((64, 64), dtype=np.float32)
    wide[20:41, 20:41] = 1  # the one best window has its centre at 30, 30
    assert located(wide, defect(40, 40))
    assert not located(wide, defect(41, 30))
    assert located(wide, defect(33, 33), window=7) is False  # the first of many: 23, 23
    assert located(wide, defect(26, 26), window=7)


def test_a_wide_weak_place_beats_one_strong_pixel() -> None:
    scores = np.zeros((64, 64), dtype=np.float32)
    scores[50, 50] = 1
    scores[5:26, 5:26] = 0.1
    assert located(scores, defect(15, 15))
    assert not located(scores, defect(50, 50))


def test_at_the_rim() -> None:
    assert located(peak(2, 2), defect(0, 0))
    assert located(peak(61, 61), defect(63, 63))


def test_share_is_over_defective_images_alone() -> None:
    empty = np.zeros((64, 64), dtype=bool)
    maps = [peak(30, 30), peak(30, 30), peak(30, 30)]
    assert located_share(maps, [defect(30, 30), defect(5, 60), empty]) == 0.5
    assert located_share(maps[:1], [empty]) is None


def test_among_the_pixel_metrics_and_none_without_masks() -> None:
    maps = np.stack([peak(30, 30), peak(30, 30), peak(10, 10)])
    masks = [defect(31, 31), None, np.zeros((64, 64), dtype=bool)]
    labels = [True, True, False]
    assert evaluate([2, 2, 1], labels, maps, masks)["pixel"]["located"] == 1.0
    assert evaluate([2, 2, 1], labels, maps, None)["pixel"]["located"] is None


@pytest.mark.parametrize(
    ("mask", "window"), [(defect(1, 1, 32), 21), (np.zeros((64, 64), bool), 21), (defect(1, 1), 4)]
)
def test_wrong_shapes_and_sides(mask: np.ndarray, window: int) -> None:
    with pytest.raises(ValueError, match=r"defect of shape|side must be odd"):
        located(peak(30, 30), mask, window=window)
