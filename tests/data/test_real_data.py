"""Checks on real datasets, where they lie beside the repository."""

from pathlib import Path

import pytest

from anogen.data.dataset import read_dataset
from anogen.data.support import draw_support, evaluation_samples
from anogen.data.validation import validate

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real datasets are not here")


def test_magnetic_tile_never_shares_a_tile_between_support_and_test() -> None:
    (category,) = read_dataset(DATA / "magnetic_tile", defects=["blowhole", "break", "crack"])
    # Counts and groups as its README gives them.
    assert len(category.train) == 220
    assert {d: len(category.of(d)) for d in ("blowhole", "break", "crack", "good")} == {
        "blowhole": 115,
        "break": 85,
        "crack": 57,
        "good": 70,
    }
    assert len({sample.group for sample in category.of("crack")}) == 11
    support = draw_support(category, shots=3)
    tiles = {shot.group for shots in support.shots.values() for shot in shots}
    assert not tiles & {sample.group for sample in evaluation_samples(category, support)}


def test_screw_has_the_official_numbers_and_shots() -> None:
    (category,) = read_dataset(DATA / "mvtec_screw")
    assert len(category.train) == 320
    assert len(category.test) == 41 + 119
    support = draw_support(category, official=True)
    assert len(evaluation_samples(category, support)) == 160 - 15


def test_a_small_set_is_sound() -> None:
    result = validate(DATA / "aws_cookie", shots=3)
    assert result.problems == []
    assert (result.images, result.masks) == (31 + 14 + 32, 32)
