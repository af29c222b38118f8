"""What makes a drawn defect plausible: light, depth, soaking, opacity; worked out by hand."""

import math

import numpy as np
import pytest

from anogen.prior.world.defects import draw_defect
from anogen.prior.world.defects.canvas import Canvas, make_canvas
from anogen.prior.world.defects.noise import fractal, streaks
from anogen.prior.world.defects.relief import cast_shadow, displaced, relight
from anogen.prior.world.defects.shapes import blob, depth, inside, polygon
from anogen.prior.world.defects.strokes import Stroke, crossing, draw


def plain_canvas(width: int = 60, height: int = 40, *, level: float = 0.5, seed: int = 0) -> Canvas:
    image = np.full((128, 128, 3), level, np.float32)
    region = np.zeros((128, 128), np.bool_)
    region[30 : 30 + height, 20 : 20 + width] = True
    everywhere = np.ones_like(region)
    return make_canvas(image, everywhere, region, np.random.default_rng(seed), strength=1.0)


def lit_from(canvas: Canvas, angle: float) -> Canvas:
    values = {name: getattr(canvas, name) for name in canvas.__dataclass_fields__}
    return Canvas(**{**values, "light": (math.cos(angle), math.sin(angle))})


def test_value_noise_has_mean_zero_and_deviation_one() -> None:
    rng = np.random.default_rng(0)
    for field in (
        fractal(rng, (400, 400), cell=6, octaves=3),
        streaks(rng, (400, 400), angle=0.7, length=20, width=4),
    ):
        assert abs(float(field.mean())) < 0.15
        assert 0.8 < float(field.std()) < 1.25


def test_streaks_run_along_their_angle() -> None:
    field = streaks(np.random.default_rng(1), (200, 200), angle=0.0, length=40, width=3)
    along, across = np.abs(np.diff(field, axis=1)).mean(), np.abs(np.diff(field, axis=0)).mean()
    assert across > 4 * along


def test_the_lit_side_of_a_bump_faces_the_light() -> None:
    canvas = lit_from(plain_canvas(41, 41), -math.pi / 2)
    bump = 5 * np.exp(-((canvas.x - 20.5) ** 2 + (canvas.y - 20.5) ** 2) / 60)
    shaded = relight(canvas, canvas.image, bump.astype(np.float32), gain=1.0)[..., 0]
    # The light comes from the top of the image: the upper slope is lit, the lower in shade.
    assert shaded[14, 20] > 0.55 and shaded[26, 20] < 0.45
    assert shaded[20, 20] == pytest.approx(0.5, abs=0.01)
    hollow = relight(canvas, canvas.image, -bump.astype(np.float32), gain=1.0)[..., 0]
    assert hollow[14, 20] < 0.45 and hollow[26, 20] > 0.55


def test_a_shadow_falls_away_from_the_light() -> None:
    canvas = lit_from(plain_canvas(41, 41), 0.0)
    alpha = np.zeros((41, 41), np.float32)
    alpha[18:23, 18:23] = 1
    shadowed = cast_shadow(canvas, canvas.image, alpha, distance=6, depth=0.5)[..., 0]
    # Light from the right: the shadow lies six pixels to the left.
    assert int(shadowed[20].argmin()) in (13, 14, 15) and shadowed[20, 14] < 0.42
    assert shadowed[20, 30] == pytest.approx(0.5, abs=1e-3)


def test_depth_counts_pixels_from_the_outline() -> None:
    canvas = plain_canvas(81, 81)
    field = (np.hypot(canvas.x - 40.5, canvas.y - 40.5) / 30).astype(np.float32)
    assert depth(field)[40, 40 + 20] == pytest.approx(10, abs=0.5)
    assert depth(field)[40, 40 + 35] == pytest.approx(-5, abs=0.5)
    assert inside(field).sum() == pytest.approx(math.pi * 30**2, rel=0.02)


def test_a_blob_spans_its_canvas() -> None:
    for seed in range(10):
        canvas = plain_canvas(90, 30, seed=seed)
        within = blob(canvas, fill=(0.8, 0.9), rough=0.0) < 1
        rows, columns = np.nonzero(within)
        widest = max((np.ptp(columns) + 1) / 90, (np.ptp(rows) + 1) / 30)
        assert 0.74 < widest < 0.96


def test_strokes_and_polygons_cover_their_area() -> None:
    canvas = plain_canvas()
    points = np.array([[10.0, 10.0], [50.0, 10.0]])
    line = draw(canvas, [Stroke(points, np.full(2, 3.0), np.ones(2))])
    # 40 px long, 3 px wide, with round ends that add up to a disc.
    assert line.sum() == pytest.approx(40 * 3 + math.pi * 1.5**2, rel=0.12)
    faint = draw(canvas, [Stroke(points, np.full(2, 0.1), np.ones(2))])
    assert 0 < faint.sum() < 0.2 * 40
    triangle = polygon(canvas, np.array([[5.0, 5.0], [45.0, 5.0], [5.0, 35.0]]))
    assert triangle.sum() == pytest.approx(0.5 * 40 * 30, rel=0.03)


def test_a_crossing_path_stays_in_and_goes_far() -> None:
    for seed in range(20):
        canvas = plain_canvas(100, 20, seed=seed)
        path = crossing(canvas, span=(0.8, 1.0), bend=0.0, jitter=0.0)
        assert (path >= -0.5).all() and (path <= np.array([100.5, 20.5])).all()
        assert np.ptp(path[:, 0]) / 100 > 0.75 or np.ptp(path[:, 1]) / 20 > 0.75


def test_displacement_takes_pixels_from_the_whole_image() -> None:
    canvas = plain_canvas(20, 20)
    canvas.whole[40, 60] = (1.0, 0.0, 0.0)
    away = np.full((20, 20), 30.0, np.float32)
    moved = displaced(canvas, away, np.zeros_like(away))
    # Column 60 of the image is column 10 of the canvas after a pull from 30 px to the right.
    np.testing.assert_allclose(moved[10, 10], (1.0, 0.0, 0.0), atol=1e-5)


def stripes() -> np.ndarray:
    x = np.arange(128)[None, :, None]
    image = 0.6 + 0.1 * np.sign(np.sin(x * math.pi / 4 + 0.1)) + np.zeros((128, 1, 3))
    return image.astype(np.float32)


def drawn(word: str, image: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    everywhere = np.ones((128, 128), np.bool_)
    region = np.zeros_like(everywhere)
    region[30:100, 24:104] = True
    return draw_defect(word, image, everywhere, region, np.random.default_rng(seed))


def share_of_texture(word: str) -> float:
    """How much of the stripes' contrast is left inside the mask, the mean of several draws."""
    image, kept = stripes(), []
    sign = np.sign(image[..., 0] - 0.6)
    for seed in range(8):
        after, mask = drawn(word, image, seed)
        core = mask > 0.9
        luma = after.mean(2)
        high = luma[core & (sign > 0)].mean()
        low = luma[core & (sign < 0)].mean()
        kept.append((high - low) / (high + low) / (0.2 / 1.2))
    return float(np.mean(kept))


def test_a_stain_keeps_the_texture_and_a_hole_does_not() -> None:
    # Multiplication leaves the relative contrast as it is, an opening none.
    assert share_of_texture("stain") > 0.6
    assert share_of_texture("hole") < 0.5


def test_holes_and_cracks_are_dark() -> None:
    image = np.full((128, 128, 3), 0.55, np.float32)
    for word in ("hole", "crack", "cut", "blowhole", "pitting", "burn"):
        for seed in range(6):
            after, mask = drawn(word, image, seed)
            weights = mask * np.abs(after - image).max(2)
            assert (after.mean(2) * weights).sum() / weights.sum() < 0.5, word


def test_relief_has_a_light_and_a_dark_side() -> None:
    image = np.full((128, 128, 3), 0.5, np.float32)
    for word in ("dent", "fold", "squeeze", "poke"):
        both = 0
        for seed in range(6):
            after, _ = drawn(word, image, seed)
            both += int(after.min() < 0.44 and after.max() > 0.53)
        assert both >= 5, word
