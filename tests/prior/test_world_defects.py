"""What every word promises: where it draws, that it is seen, and that it is the same again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anogen.errors import InputError
from anogen.prior.world.defects import WORDS, draw_defect
from anogen.prior.world.defects.draw import BEYOND

SIZE = 128
EXPECTED = (
    "scratch",
    "crack",
    "hole",
    "dent",
    "stain",
    "contamination",
    "colour",
    "cut",
    "chip",
    "bent",
    "missing",
    "print",
    "fold",
    "thread",
    "glue",
    "burn",
    "poke",
    "squeeze",
    "break",
    "blowhole",
    "rust",
    "bubble",
    "smear",
    "pitting",
    "flash",
    "misaligned",
    "rough",
    "fray",
    "inclusion",
    "dark_area",
)


def surface(seed: int, *, grey: bool = False, level: float = 0.5) -> np.ndarray:
    """A plain surface with a little structure and noise, float32 ``(128, 128, 3)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    waves = 0.06 * np.sin(x / 5.0) + 0.05 * np.sin((x + 2 * y) / 17.0)
    colour = np.ones(3) if grey else np.array([1.1, 0.95, 0.8])
    noise = rng.normal(0, 0.01, (SIZE, SIZE, 1))
    image = (level + waves)[..., None] * colour + noise
    return np.clip(image, 0, 1).astype(np.float32)


def box_region(x0: int, y0: int, width: int, height: int) -> np.ndarray:
    region = np.zeros((SIZE, SIZE), np.bool_)
    region[y0 : y0 + height, x0 : x0 + width] = True
    return region


EVERYWHERE = np.ones((SIZE, SIZE), np.bool_)
BOXES = [(50, 40, 12, 12), (8, 60, 110, 24), (70, 5, 20, 90), (20, 20, 90, 100), (96, 98, 32, 30)]


def test_the_vocabulary_is_complete() -> None:
    assert set(WORDS) == set(EXPECTED)
    assert len(WORDS) == len(set(WORDS)) == 30


@pytest.mark.parametrize("word", WORDS)
def test_changes_are_in_the_region_seen_and_under_the_mask(word: str) -> None:
    for seed, box in enumerate(BOXES):
        image, region = surface(seed), box_region(*box)
        before = image.copy()
        drawn, mask = draw_defect(word, image, EVERYWHERE, region, np.random.default_rng(seed))
        np.testing.assert_array_equal(image, before)
        assert drawn.shape == image.shape and drawn.dtype == np.float32
        assert mask.shape == region.shape and mask.dtype == np.float32
        assert drawn.min() >= 0 and drawn.max() <= 1
        assert mask.min() >= 0 and mask.max() <= 1
        np.testing.assert_array_equal(drawn[~region], image[~region])
        assert not mask[~region].any()
        change = np.abs(drawn - image).max(2)
        assert ((change > 0.05) & (mask > 0.25)).sum() >= 12
        # Nothing that leaps to the eye lies outside the mask.
        strong = change > 0.15
        assert change[strong & (mask > 0.2)].sum() >= 0.95 * change[strong].sum()


@pytest.mark.parametrize("word", WORDS)
def test_grey_images_stay_grey(word: str) -> None:
    for seed in range(4):
        image = surface(seed, grey=True)
        image[..., 1:] = image[..., :1]
        region = box_region(20, 30, 70, 50)
        drawn, _ = draw_defect(word, image, EVERYWHERE, region, np.random.default_rng(seed))
        np.testing.assert_array_equal(drawn[..., 0], drawn[..., 1])
        np.testing.assert_array_equal(drawn[..., 0], drawn[..., 2])


@pytest.mark.parametrize("word", WORDS)
def test_same_seed_same_bytes_other_seed_other_defect(word: str) -> None:
    image, region = surface(1), box_region(30, 30, 60, 60)
    draws = [
        draw_defect(word, image, EVERYWHERE, region, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    ]
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    np.testing.assert_array_equal(draws[0][1], draws[1][1])
    assert (draws[0][1] != draws[2][1]).any()


@pytest.mark.parametrize("word", WORDS)
def test_it_spans_the_region_without_filling_it(word: str) -> None:
    region = box_region(20, 34, 80, 60)
    spans, fills = [], []
    for seed in range(8):
        _, mask = draw_defect(word, surface(seed), EVERYWHERE, region, np.random.default_rng(seed))
        rows, columns = np.nonzero(mask > 0.3)
        spans.append(max(np.ptp(columns) / 80, np.ptp(rows) / 60))
        fills.append((mask > 0.5).sum() / region.sum())
    assert np.mean(spans) > 0.6
    assert np.mean(fills) < 0.8
    assert max(fills) < 0.97


@pytest.mark.parametrize("word", sorted(set(WORDS) - BEYOND))
def test_it_stays_on_the_foreground(word: str) -> None:
    foreground = np.zeros((SIZE, SIZE), np.bool_)
    foreground[:, :70] = True
    image = surface(3)
    image[~foreground] = 0.9
    region = box_region(40, 40, 50, 40)
    drawn, mask = draw_defect(word, image, foreground, region, np.random.default_rng(3))
    assert not mask[~foreground].any()
    np.testing.assert_array_equal(drawn[~foreground], image[~foreground])
    assert (mask > 0.3).sum() >= 12


@pytest.mark.parametrize("word", sorted(BEYOND))
def test_at_an_edge_it_touches_the_foreground(word: str) -> None:
    foreground = np.zeros((SIZE, SIZE), np.bool_)
    foreground[:, :66] = True
    image = surface(3)
    image[~foreground] = 0.9
    near = np.zeros_like(foreground)
    near[:, :72] = True
    region = box_region(40, 40, 50, 40)
    hits = 0
    for seed in range(6):
        _, mask = draw_defect(word, image, foreground, region, np.random.default_rng(seed))
        hits += int(mask[near].max() > 0.3)
    assert hits >= 5


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_it_is_seen_on_black_and_on_white(word: str, level: float) -> None:
    image = np.full((SIZE, SIZE, 3), level, np.float32)
    region = box_region(30, 40, 40, 30)
    drawn, mask = draw_defect(word, image, EVERYWHERE, region, np.random.default_rng(2))
    change = np.abs(drawn - image).max(2)
    assert ((change > 0.05) & (mask > 0.25)).sum() >= 12


@settings(max_examples=60, deadline=None)
@given(
    word=st.sampled_from(WORDS),
    seed=st.integers(0, 10**6),
    x0=st.integers(0, 120),
    y0=st.integers(0, 120),
    width=st.integers(1, 110),
    height=st.integers(1, 110),
    threshold=st.floats(-2, 2),
)
def test_any_region_and_foreground_will_do(
    word: str, seed: int, x0: int, y0: int, width: int, height: int, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(8, 8)) > threshold
    foreground = np.kron(coarse, np.ones((16, 16))) > 0
    region = box_region(x0, y0, width, height)
    image = surface(seed % 7)
    drawn, mask = draw_defect(word, image, foreground, region, rng)
    assert np.isfinite(drawn).all() and np.isfinite(mask).all()
    np.testing.assert_array_equal(drawn[~region], image[~region])
    assert mask.max() > 0


def test_wrong_input_is_named() -> None:
    image, region = surface(0), box_region(10, 10, 30, 30)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"'normal'.*scratch"):
        draw_defect("normal", image, EVERYWHERE, region, rng)
    with pytest.raises(InputError, match="empty"):
        draw_defect("hole", image, EVERYWHERE, ~EVERYWHERE, rng)
    with pytest.raises(InputError, match="differ in size"):
        draw_defect("hole", image, EVERYWHERE[1:], region, rng)
    with pytest.raises(InputError, match=r"\(128, 128\)"):
        draw_defect("hole", image[..., 0], EVERYWHERE, region, rng)
