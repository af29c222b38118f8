"""Inception Score, KID, perceptual distance and IC-LPIPS against direct formulas."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from anogen.metrics.ic_lpips import ic_lpips
from anogen.metrics.inception_score import inception_score
from anogen.metrics.kid import kid, squared_mmd
from anogen.metrics.perceptual_distance import (
    pairwise_distances,
    perceptual_distance,
    perceptual_vectors,
)


def test_inception_score_of_sure_and_of_blind_classifiers() -> None:
    sure = np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]]
    assert inception_score(sure).mean == pytest.approx(4.0)
    assert inception_score(np.full((6, 5), 0.2)).mean == pytest.approx(1.0)
    # Two classes, half of the images sure of each, half of them torn: by hand.
    torn = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    assert inception_score(torn).mean == pytest.approx(math.exp(math.log(2) / 2))


def test_inception_score_in_parts_equals_torch_on_each_part() -> None:
    logits = torch.randn(23, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probabilities = torch.softmax(2 * logits, 1)
    scores = []
    for part in torch.tensor_split(probabilities, 4):
        marginal = part.mean(0, keepdim=True).expand_as(part)
        divergence = torch.nn.functional.kl_div(marginal.log(), part, reduction="batchmean")
        scores.append(math.exp(divergence))
    found = inception_score(probabilities.numpy(), parts=4)
    assert found.mean == pytest.approx(np.mean(scores))
    assert found.deviation == pytest.approx(np.std(scores))


def test_shuffling_matters_for_parts_only() -> None:
    sure = np.repeat(np.eye(3), 20, axis=0)
    assert inception_score(sure, parts=3).mean == pytest.approx(1.0)  # each part shows one thing
    shuffled = [
        inception_score(sure, parts=3, rng=np.random.default_rng(seed)).mean for seed in (1, 1, 2)
    ]
    assert shuffled[0] == shuffled[1] != shuffled[2]
    assert shuffled[0] > 2.5
    assert inception_score(sure, rng=np.random.default_rng(1)).mean == pytest.approx(3.0)


def test_inception_score_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match="sum of one"):
        inception_score(np.ones((3, 3)))
    with pytest.raises(ValueError, match="parts"):
        inception_score(np.eye(3), parts=4)
    with pytest.raises(ValueError, match="classes"):
        inception_score(np.zeros(3))


def _mmd_by_loops(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    within = [
        sum(kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j)
        / (len(z) * (len(z) - 1))
        for z in (x, y)
    ]
    across = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    return within[0] + within[1] - 2 * across


def test_squared_mmd_by_loops() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(0.5, 2, size=(4, 3))
    assert squared_mmd(x, y) == pytest.approx(_mmd_by_loops(x, y), rel=1e-12)


def test_kid_is_unbiased_and_sees_a_shift() -> None:
    rng = np.random.default_rng(0)
    real, same = rng.normal(size=(400, 8)), rng.normal(size=(300, 8))
    options = {"subsets": 40, "subset_size": 60}
    alike = kid(same, real, rng=np.random.default_rng(1), **options)
    assert alike == kid(same, real, rng=np.random.default_rng(1), **options)
    # About zero between samples of one distribution, within three standard errors of the mean.
    assert abs(alike.mean) < 3 * alike.deviation / math.sqrt(40) + 0.01
    assert kid(same + 1, real, rng=np.random.default_rng(1), **options).mean > 0.5
    few = kid(same[:4], real[:6], subsets=1, rng=np.random.default_rng(3))
    assert math.isfinite(few.mean)
    with pytest.raises(ValueError, match="two images"):
        kid(same[:1], real, rng=rng)
    with pytest.raises(ValueError, match="features"):
        kid(same[:, :3], real, rng=rng)


def test_kid_of_whole_sets_is_the_squared_mmd() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    found = kid(x, y, subsets=5, rng=rng)
    assert found.mean == pytest.approx(_mmd_by_loops(x, y))
    assert found.deviation == pytest.approx(0, abs=1e-12)


def _maps(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(count, 4, 6, 5), (count, 7, 3, 2)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def _lpips(x: list[np.ndarray], y: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    """LPIPS as its authors' code computes it: unit features, weighted squares, mean over space."""
    total = np.zeros(len(x[0]))
    for a, b, weight in zip(
        map(torch.from_numpy, x), map(torch.from_numpy, y), weights, strict=True
    ):
        unit = [f / f.square().sum(1, keepdim=True).sqrt() for f in (a, b)]
        squares = (unit[0] - unit[1]).square() * torch.from_numpy(weight)[None, :, None, None]
        total += squares.sum(1).mean((1, 2)).numpy()
    return total


def test_perceptual_distance_is_the_lpips_formula() -> None:
    x, y = _maps(3, 0), _maps(3, 1)
    weights = [np.linspace(0, 1, 4, dtype=np.float32), np.linspace(2, 0.5, 7, dtype=np.float32)]
    assert perceptual_distance(x, y, weights=weights) == pytest.approx(
        _lpips(x, y, weights), rel=1e-5
    )
    ones = [np.ones(4, np.float32), np.ones(7, np.float32)]
    assert perceptual_distance(x, y) == pytest.approx(_lpips(x, y, ones), rel=1e-5)
    assert perceptual_distance(x, x) == pytest.approx(0)
    # Only the direction of a feature counts, not its length.
    assert perceptual_distance(x, [3 * layer for layer in x]) == pytest.approx(0, abs=1e-6)
    # Opposite features lie 2 apart, so each of the two layers gives 4.
    assert perceptual_distance(x, [-layer for layer in x]) == pytest.approx(8)


def test_all_pairs_equal_single_pairs() -> None:
    x, y = _maps(3, 0), _maps(4, 1)
    found = pairwise_distances(perceptual_vectors(x), perceptual_vectors(y))
    for i in range(3):
        for j in range(4):
            one = perceptual_distance([f[i : i + 1] for f in x], [f[j : j + 1] for f in y])
            assert found[i, j] == pytest.approx(one[0], abs=1e-5)


def test_wrong_feature_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        perceptual_vectors([_maps(2, 0)[0], _maps(3, 0)[1]])
    with pytest.raises(ValueError, match="channels"):
        perceptual_vectors(_maps(2, 0), weights=[np.ones(4), np.ones(6)])


def test_ic_lpips_by_hand() -> None:
    shots = np.array([[0, 0], [10, 0], [0, 10], [50, 50]], np.float32)
    generated = np.array([[0, 1], [0, 2], [1, 0], [10, 1], [13, 1], [0, 11]], np.float32)
    # Of the first shot: squared distances 1, 2 and 5; of the second: 9; the third has one member
    # and the fourth none, so they have no pair and do not count.
    found = ic_lpips(generated, shots, rng=np.random.default_rng(0))
    assert found.mean == pytest.approx(((1 + 2 + 5) / 3 + 9) / 2, rel=1e-4)
    assert found.members == (3, 2, 1, 0)
    assert found.counted == 2


def test_copies_of_the_shots_have_no_diversity() -> None:
    shots = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)
    found = ic_lpips(np.repeat(shots, 5, axis=0), shots, rng=np.random.default_rng(0))
    assert found.mean == pytest.approx(0, abs=1e-4)
    assert ic_lpips(shots, shots, rng=np.random.default_rng(0)).mean is None


def test_the_cap_draws_members_by_seed() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    shot = np.zeros((1, 4), np.float32)
    pairs = {
        round(float(((vectors[i] - vectors[j]) ** 2).sum()), 3)
        for i, j in combinations(range(12), 2)
    }
    drawn = [
        ic_lpips(vectors, shot, cap=2, rng=np.random.default_rng(seed)).mean for seed in range(8)
    ]
    assert all(value is not None and round(value, 3) in pairs for value in drawn)
    assert len(set(drawn)) > 3
    assert drawn[0] == ic_lpips(vectors, shot, cap=2, rng=np.random.default_rng(0)).mean
    with pytest.raises(ValueError, match="cap"):
        ic_lpips(vectors, shot, cap=1, rng=np.random.default_rng(0))
