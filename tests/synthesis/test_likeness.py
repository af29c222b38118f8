"""Likeness to a defect's own type."""

import numpy as np
import pytest

from anogen.placement.box import Box
from anogen.synthesis.likeness import (
    CROP,
    PASTES,
    SHRINKAGE,
    Types,
    crop_around,
    descriptor,
    strangers,
    trials,
    views,
)


def test_the_crop_holds_the_defect_in_its_middle_even_at_the_border() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[0:6, 44:50] = True
    image[mask] = (200, 10, 10)
    crop, weight = crop_around(image, mask)
    assert crop.shape == (CROP, CROP, 3)
    assert weight.shape == (CROP, CROP)
    rows, columns = np.nonzero(weight > 0.5)
    assert abs(rows.mean() - CROP / 2) < 3
    assert abs(columns.mean() - CROP / 2) < 3
    # 6 of 32 pixels a side.
    assert weight.mean() == pytest.approx((6 / 32) ** 2, rel=0.05)
    assert tuple(crop[CROP // 2, CROP // 2]) == (200, 10, 10)


def test_the_descriptor_is_the_direction_in_which_features_change() -> None:
    weight = np.zeros((CROP, CROP), np.float32)
    weight[:, : CROP // 2] = 1
    rng = np.random.default_rng(0)
    coarse, fine = (rng.normal(size=(2, side, side)).astype(np.float32) for side in (8, 16))
    drawn = [coarse.copy(), fine.copy()]
    drawn[0][0, :, :4] += 3
    drawn[0][1, :, :4] -= 4
    drawn[1][0, :, :8] += 5
    drawn[1][1, :, :8] += 12
    drawn[1][:, :, 8:] += 7  # beside the defect
    found = descriptor(drawn, [coarse, fine], weight)
    np.testing.assert_allclose(found, [3 / 5, -4 / 5, 5 / 13, 12 / 13], atol=1e-4)
    assert not descriptor([coarse], [coarse], weight).any()


def test_views_are_turns_and_mirrors_of_which_no_two_are_the_same() -> None:
    crop = np.arange(CROP * CROP * 3, dtype=np.uint32).astype(np.uint8).reshape(CROP, CROP, 3)
    crop[0, :5] = (9, 8, 7)
    seen = views(crop)
    assert np.array_equal(seen[0], crop)
    assert len({one.tobytes() for one in seen}) == len(seen) == 4
    for one in seen:
        assert one.sum(dtype=np.int64) == crop.sum(dtype=np.int64)
    for one, weight in zip(seen, views(crop[..., 0]), strict=True):
        assert np.array_equal(one[..., 0], weight)


def examples() -> dict[str, np.ndarray]:
    """Two types that differ in the first feature; the second varies much within each."""
    rng = np.random.default_rng(1)
    spread = np.array([0.2, 3.0, 0.5])
    return {
        "cut": (rng.normal(size=(30, 3)) * spread).astype(np.float32),
        "hole": (rng.normal(size=(20, 3)) * spread + [2, 0, 0]).astype(np.float32),
    }


def test_likeness_is_a_difference_of_cosines_under_the_covariance_within_types() -> None:
    found = examples() | {"dent": examples()["cut"] + np.float32([0, 2, 3])}
    every = np.concatenate(list(found.values())).astype(float)
    scale = every.std(axis=0) + 1e-3 * every.std()
    within = sum(len(v) * np.cov((v / scale).T, bias=True) for v in found.values()) / len(every)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / 3 * np.eye(3)
    inner = np.linalg.inv(within)
    means = {name: v.mean(axis=0) / scale for name, v in found.items()}
    middle = sum(means.values()) / 3
    at = np.array([0.7, 1.0, -0.2], np.float32) / scale - middle

    def cosine(name: str) -> float:
        to = means[name] - middle
        return float(at @ inner @ to / np.sqrt((at @ inner @ at) * (to @ inner @ to)))

    types = Types.of(found)
    for own in found:
        others = max(cosine(name) for name in found if name != own)
        likeness = types.likeness(np.array([0.7, 1.0, -0.2], np.float32), own)
        assert likeness == pytest.approx(1 + (cosine(own) - others) / 2, rel=1e-4)


def test_how_strong_a_defect_is_tells_no_type() -> None:
    types = Types.of(examples())
    at = np.array([1.9, 0.5, 0.1], np.float32)
    middle = np.mean([v.mean(axis=0) for v in examples().values()], axis=0)
    likeness = [types.likeness(middle + k * (at - middle), "hole") for k in (0.5, 1, 4)]
    assert likeness[0] == pytest.approx(likeness[1], abs=1e-5) == pytest.approx(likeness[2])
    # In the very middle it is as much like each.
    same = Types.of({"cut": np.ones((3, 2), np.float32), "hole": np.ones((3, 2), np.float32)})
    assert same.likeness(np.ones(2, np.float32), "cut") == 1


def test_what_varies_within_types_tells_little() -> None:
    types = Types.of(examples())
    near = types.likeness(np.array([0, 4, 0], np.float32), "cut")
    far = types.likeness(np.array([1.9, 0, 0], np.float32), "cut")
    assert near is not None
    assert far is not None
    assert near > 1 > far


def test_one_type_has_nothing_to_be_compared_with() -> None:
    found = examples()
    at = np.zeros(3, np.float32)
    assert Types.of({"cut": found["cut"]}).likeness(at, "cut") is None
    assert Types.of(found).likeness(at, "dent") is None


def pasted(shade: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Trials of a shot of some shade on two grey plates."""
    shot, mask = np.full((64, 64, 3), 120, np.uint8), np.zeros((64, 64), bool)
    mask[20:30, 24:40] = True
    shot[mask] = shade
    normals = [np.full((64, 64, 3), level, np.uint8) for level in (110, 130)]
    objects = [np.zeros((64, 64), bool), np.zeros((64, 64), bool)]
    objects[0][:, :40] = objects[1][:40] = True
    return list(trials((shot, mask), normals, objects, np.random.default_rng(2), margin=0.2))


def test_trials_lie_on_the_object_and_have_the_mask_of_what_has_changed() -> None:
    found = pasted(200)
    assert len(found) == PASTES
    assert len({int(normal[0, 0, 0]) for _, normal, _ in found}) == 2
    for image, normal, mask in found:
        changed = (image != normal).any(axis=2)
        object_ = np.s_[:, :40] if normal[0, 0, 0] == 110 else np.s_[:40]
        assert changed[object_].sum() == changed.sum()
        strong = np.abs(image.astype(int) - normal).max(axis=2) > 40
        assert mask[strong].all()
        assert mask.sum() < 1.6 * strong.sum()
    again = pasted(200)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_strangers_lie_on_the_object_and_are_as_large_as_the_shots(kind: type) -> None:
    rng = np.random.default_rng(0)
    full = np.iinfo(kind).max
    mask = np.zeros((64, 64), bool)
    mask[20:30, 24:44] = True
    shots = [(np.zeros((64, 64), kind), mask)] * 2
    normals = [(rng.uniform(0.3, 0.7, (64, 64)) * full).astype(kind) for _ in range(2)]
    objects = [np.zeros((64, 64), bool), np.zeros((64, 64), bool)]
    objects[0][:, :40] = objects[1][:40] = True

    def drawn() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return list(strangers(shots, normals, objects, np.random.default_rng(2)))

    found = drawn()
    assert PASTES < len(found) <= 2 * PASTES
    for image, normal, seen in found:
        assert image.dtype == kind
        changed = image != normal
        object_ = objects[0] if normal is normals[0] else objects[1]
        assert not changed[~object_].any()
        box = Box.around(changed)
        assert max(box.width, box.height) <= 21
        assert 0 < seen.sum() <= 21 * 21
    assert {bool(normal is normals[0]) for _, normal, _ in found} == {True, False}
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(found, drawn(), strict=True))


def test_trials_of_which_nothing_is_seen_are_left_out() -> None:
    assert not pasted(121)
