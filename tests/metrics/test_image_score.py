"""Image scores against torch's pooling and against values worked out by hand."""

import numpy as np
import pytest
import torch

from anogen.metrics import max_of_mean, top_fraction_mean, top_k_mean


@pytest.mark.parametrize("shape", [(64, 64), (33, 50), (5, 8)])
def test_max_of_mean_equals_draems_average_pooling(shape):
    rng = np.random.default_rng(0)
    score_map = rng.random(shape).astype(np.float32)
    pooled = torch.nn.functional.avg_pool2d(
        torch.from_numpy(score_map)[None, None], 21, stride=1, padding=10
    )
    assert max_of_mean(score_map) == pytest.approx(float(pooled.max()), rel=1e-5)
    half = score_map.astype(np.float16)
    assert max_of_mean(half) == pytest.approx(float(pooled.max()), rel=1e-3)


def test_top_k_mean_by_hand():
    score_map = np.array([[1, 5], [4, -2]], np.float16)
    assert top_k_mean(score_map, 2) == 4.5
    assert top_k_mean(score_map, 100) == 2.0


def test_top_fraction_mean_by_hand():
    score_map = np.arange(200, dtype=np.float32).reshape(10, 20)
    assert top_fraction_mean(score_map, 0.01) == 198.5
    assert top_fraction_mean(score_map, 1.0) == 99.5
    assert top_fraction_mean(score_map, 1e-6) == 199.0


def test_wrong_input_is_refused():
    score_map = np.zeros((4, 4))
    with pytest.raises(ValueError, match="odd"):
        max_of_mean(score_map, 20)
    with pytest.raises(ValueError, match="k must"):
        top_k_mean(score_map, 0)
    with pytest.raises(ValueError, match="fraction"):
        top_fraction_mean(score_map, 0.0)
    for score in (max_of_mean, top_k_mean, top_fraction_mean):
        with pytest.raises(ValueError, match="score map"):
            score(np.zeros((0, 3)))
