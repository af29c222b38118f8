"""Good test images in another light than all others."""

from pathlib import Path

import numpy as np
import pytest

from anogen.data.light import other_light, told_apart
from anogen.data.sample import Category, Sample


def category(train: int = 12, good: int = 12, defective: int = 12) -> Category:
    def samples(split: str, label: str, count: int) -> tuple[Sample, ...]:
        return tuple(
            Sample(f"{split}/{label}/{n}", Path(), label, None, split)  # type: ignore[arg-type]
            for n in range(count)
        )

    test = (*samples("test", "good", good), *samples("test", "hole", defective))
    return Category("part", Path(), samples("train", "good", train), test)


def levels(of: Category, train: float, good: float, defective: float) -> dict[str, float]:
    rng = np.random.default_rng(0)
    means = {("train", "good"): train, ("test", "good"): good, ("test", "hole"): defective}
    return {s.key: means[s.split, s.label] + rng.normal(0, 0.01) for s in (*of.train, *of.test)}


def test_a_test_set_of_its_own_light_is_said() -> None:
    part = category()
    notice = other_light(part, levels(part, 0.7, 0.6, 0.71))
    assert notice is not None
    assert "60% of white, training images 70%, defective ones 71%" in notice
    assert "in 100% of pairs" in notice


def test_dark_defects_are_no_other_light() -> None:
    """The good images of both sets agree: what is dark is the defect."""
    part = category()
    assert other_light(part, levels(part, 0.7, 0.7, 0.5)) is None


def test_a_test_set_in_one_light_is_no_confusion() -> None:
    """Good and defective ones were photographed together, apart from the training images."""
    part = category()
    assert other_light(part, levels(part, 0.7, 0.5, 0.5)) is None


@pytest.mark.parametrize("few", ["train", "good", "defective"])
def test_a_few_images_show_nothing(few: str) -> None:
    part = category(**{few: 9})
    assert other_light(part, levels(part, 0.7, 0.6, 0.71)) is None


def test_unread_images_do_not_count() -> None:
    part = category()
    known = levels(part, 0.7, 0.6, 0.71)
    for sample in part.train[:3]:
        del known[sample.key]
    assert other_light(part, known) is None


def test_share_of_pairs() -> None:
    assert told_apart([1, 2], [3, 4]) == told_apart([3, 4], [1, 2]) == 1
    assert told_apart([1, 1], [1, 1]) == 0.5
    assert told_apart([1, 3], [2, 4]) == 0.75
