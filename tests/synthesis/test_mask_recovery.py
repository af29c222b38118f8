"""Masks of what was drawn, on windows whose change is known."""

import numpy as np
import pytest

from anogen.synthesis.mask_recovery import CLEAR, FAINT, change_map, recover_mask


def window(seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (32, 32, 3)).astype(np.float32)


def test_equal_windows_have_no_change():
    assert not change_map(window(), window()).any()


def test_a_clear_change_of_any_channel_counts_whole_and_a_faint_one_not_at_all():
    for channel in range(3):
        for sign in (1, -1):
            drawn = window()
            drawn[8:20, 8:20, channel] += sign * 1.1 * CLEAR
            drawn[:, 26:, channel] += sign * 0.9 * FAINT
            confidence = change_map(drawn, window())
            assert confidence.dtype == np.float32
            # Away from the edge that the blur softens.
            assert (confidence[11:17, 11:17] == 1).all()
            assert not confidence[:, 24:].any()
            assert not confidence[:5].any()


def test_half_way_between_faint_and_clear_is_one_half():
    drawn = window() + np.float32((FAINT + CLEAR) / 2)
    np.testing.assert_allclose(change_map(drawn, window()), 0.5, atol=1e-3)


def test_grain_is_no_change_but_a_thin_scratch_is():
    flat = np.full((32, 32, 3), 0.5, np.float32)
    grain, scratch = flat.copy(), flat.copy()
    grain[::4, ::4] += 0.12
    scratch[10:12, 4:28] += 0.12
    assert change_map(grain, flat).max() < 0.5
    assert (change_map(scratch, flat)[10:12, 6:26] > 0.5).all()


# Recovered masks: a grainy surface, redrawn with a little noise of its own.
SIZE = 96
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def surface(colour=True, grain=0.03, seed=0):
    shape = (SIZE, SIZE, 3) if colour else (SIZE, SIZE)
    return np.random.default_rng(seed).normal(0.5, grain, shape).astype(np.float32)


def redrawn(normal, noise=0.01):
    extra = np.random.default_rng(7).normal(0, noise, normal.shape)
    return (normal + extra).astype(np.float32)


def iou(confidence, truth):
    mask = confidence >= 0.5
    return (mask & truth).sum() / (mask | truth).sum()


def shape_of(kind):
    rows, columns = np.ogrid[:SIZE, :SIZE]
    if kind == "disc":
        return (rows - 40) ** 2 + (columns - 50) ** 2 < 18**2
    if kind == "ring":
        distance = (rows - 40) ** 2 + (columns - 50) ** 2
        return (distance < 18**2) & (distance > 13**2)
    return (abs(rows - columns) <= 1) & (columns > 15) & (columns < 80)  # a scratch, 2 px wide


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("strength", [-0.35, 0.15])
@pytest.mark.parametrize("kind", ["disc", "scratch"])
def test_shapes_are_found(kind, strength, colour):
    normal, truth = surface(colour), shape_of(kind)
    shown = redrawn(normal)
    shown[truth] += np.float32(strength)
    confidence = recover_mask(shown, normal, EVERYWHERE)
    assert confidence.shape == (SIZE, SIZE)
    assert confidence.dtype == np.float32
    assert 0 <= confidence.min() <= confidence.max() <= 1
    assert iou(confidence, truth) > (0.85 if kind == "disc" else 0.55)


def test_a_ring_is_filled():
    normal, shown = surface(), redrawn(surface())
    shown[shape_of("ring")] -= np.float32(0.3)
    assert iou(recover_mask(shown, normal, EVERYWHERE), shape_of("disc")) > 0.85


def test_a_strong_defect_does_not_swallow_a_fainter_one():
    normal, shown = surface(), redrawn(surface())
    strong, faint = np.zeros((2, SIZE, SIZE), bool)
    strong[10:30, 10:30] = True
    faint[60:80, 60:80] = True
    shown[strong] -= np.float32(0.45)
    shown[faint] += np.float32(0.15)
    assert iou(recover_mask(shown, normal, EVERYWHERE), strong | faint) > 0.8


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("grain", [0.0, 0.03, 0.1])
def test_redrawing_alone_is_no_defect(noise, grain):
    normal = surface(grain=grain)
    mask = recover_mask(redrawn(normal, noise), normal, EVERYWHERE) >= 0.5
    assert mask.mean() < 0.01


def test_a_change_hides_in_texture():
    truth = shape_of("disc")
    found = []
    for grain in (0.01, 0.15):
        shown = surface(grain=grain)
        shown[truth] += np.float32(0.05)
        found.append(iou(recover_mask(shown, surface(grain=grain), EVERYWHERE), truth))
    assert found[0] > 0.85
    assert found[1] < 0.1


def test_the_mask_keeps_to_the_region():
    normal, truth = surface(), shape_of("disc")
    region = np.zeros((SIZE, SIZE), bool)
    region[:, 50:] = True
    shown = normal.copy()
    shown[truth] -= np.float32(0.3)
    confidence = recover_mask(shown, normal, region)
    assert not confidence[~region].any()
    assert iou(confidence, truth & region) > 0.85
    assert not recover_mask(shown, normal, ~EVERYWHERE).any()
