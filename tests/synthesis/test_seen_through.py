"""What lies under a defect: told on parts whose good image, shade and lump are known."""

import cv2
import numpy as np
import pytest

from anogen.placement.box import Box
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.mask_fill import MaskFill
from anogen.synthesis.seen_through import surfaces_of

STILL = {"scale": (1.0, 1.0), "turn": 0.0, "mirror": False, "bend": 0.0}
Y, X = np.mgrid[:120, :140]
DISC = np.hypot(X - 70, Y - 60) < 22
SHADE = 0.4 + 0.02 * np.abs(X - 70) / 22


def board(seed=0, *, colours=3, dtype=np.uint8, shift=0.0, light=1.0):
    """A printed board: its lines lie where they lie in all images; grain and light differ."""
    lines = 150 + 60 * np.sin((X + shift) / 3) * np.sin(Y / 4) + 20 * np.sin(X / 11)
    grain = np.random.default_rng(seed).normal(0, 2, X.shape)
    image = np.clip(light * (lines + grain), 0, 255)[..., None] * [1.0, 0.9, 0.8][:colours]
    image = image if colours == 3 else image[..., 0]
    return np.round(image * (np.iinfo(dtype).max // 255)).astype(dtype)


def shaded(image, mask=DISC):
    shade = SHADE[mask][:, None] if image.ndim == 3 else SHADE[mask]
    dark = image.copy()
    dark[mask] = np.round(image[mask] * shade)
    return dark


def lump(image, mask=DISC):
    grain = np.random.default_rng(9).normal(60, 15, image.shape)
    hidden = image.copy()
    hidden[mask] = np.clip(cv2.GaussianBlur(grain, (0, 0), 2), 0, 255)[mask]
    return hidden


def goods(**kind):
    return [board(seed, shift=seed / 5, light=0.9 + seed / 40, **kind) for seed in range(1, 9)]


@pytest.mark.parametrize("kind", [{}, {"colours": 1}, {"dtype": np.uint16}])
def test_the_surface_under_a_shade_is_found(kind):
    clean = board(0, light=0.8, **kind)
    supports = {"shade": [(shaded(clean), DISC)], "lump": [(lump(board(0)), DISC)]}
    found = surfaces_of(supports, iter(goods(**kind)))
    assert found["lump"] == [None]
    (surface,) = found["shade"]
    assert surface.shape == clean.shape
    assert surface.dtype == clean.dtype
    unit = np.iinfo(clean.dtype).max // 255
    assert np.abs(surface.astype(float) - clean)[DISC].mean() < 4 * unit


def test_a_defect_that_lets_little_through_has_a_surface_with_little_structure():
    """Beside one of its type that lets all through; else lines would show in it inverted."""
    clean = board(0)
    night = clean.copy()
    night[DISC] = 8
    found = surfaces_of({"shade": [(shaded(clean), DISC), (night, DISC)]}, goods())["shade"]
    deep = cv2.erode(DISC.astype(np.uint8), np.ones((7, 7))) > 0
    clear, plain = (np.log(one[deep].mean(axis=1)).std() for one in found)
    assert plain < 0.4 * clear


def test_nothing_is_told_where_parts_lie_as_they_come_or_none_has_the_size():
    clean = board(0)
    supports = {"shade": [(shaded(clean), DISC)]}
    turned = [np.roll(board(seed), 7 * seed, axis=(0, 1)) for seed in range(1, 9)]
    assert surfaces_of(supports, [cv2.rotate(one, cv2.ROTATE_180) for one in turned]) == {
        "shade": [None]
    }
    assert surfaces_of(supports, [one[:-1] for one in goods()]) == {"shade": [None]}
    assert surfaces_of(supports, []) == {"shade": [None]}
    everywhere = {"shade": [(shaded(clean), np.ones_like(DISC))]}
    assert surfaces_of(everywhere, goods()) == {"shade": [None]}


def test_one_shot_without_an_answer_leaves_all_of_its_type_without():
    clean = board(0)
    other = (shaded(clean)[:100], DISC[:100])
    found = surfaces_of({"shade": [(shaded(clean), DISC), other]}, goods())
    assert found == {"shade": [None, None]}


def test_a_bar_of_the_part_shows_through_what_is_drawn_of_a_shade():
    shot = shaded(board(0))
    surfaces = surfaces_of({"shade": [(shot, DISC)]}, goods())["shade"]
    normal = board(3)
    normal[:, 62:78] = 20
    region = Box(30, 20, 120, 110).mask(*DISC.shape)
    bar = np.abs(X - 70) < 6
    levels = []
    for known in (surfaces, [None]):
        paste = CropPasteSynthesizer([(shot, DISC)], blend="toned", surfaces=known, **STILL)
        pasted = paste(normal, region, np.random.default_rng(0))
        filled = MaskFill([(shot, DISC)], known)(normal, DISC, np.random.default_rng(0))
        inside = cv2.erode((pasted.mask > 0).astype(np.uint8), np.ones((5, 5))) > 0
        levels.append((pasted.image[inside & bar].mean(), filled[DISC & bar].mean()))
    off = np.abs(np.array(levels) - 0.41 * 20)
    assert off[0].max() < 1.5
    assert off[1].min() > 4
