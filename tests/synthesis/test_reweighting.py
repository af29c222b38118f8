"""Weights of the attention, worked out by hand."""

import math
from functools import partial

import pytest
import torch

from anogen.synthesis.reweighting import (
    BARELY_SEEN,
    MOST,
    fast_weights,
    official_weights,
    paper_weights,
    reweighting_of,
)


def test_paper_by_hand():
    """Three pixels in the mask: unchanged, just seen, and twice that; a fourth outside."""
    images = torch.zeros(1, 3, 2, 2)
    predicted = images.clone()
    predicted[0, :, 0, 1] = BARELY_SEEN
    predicted[0, :, 1, 0] = 2 * BARELY_SEEN
    predicted[0, :, 1, 1] = 0.9
    mask = torch.tensor([[[[1.0, 0.9], [0.6, 0.2]]]])
    # 1 / max(d, 1) with d of 0, 1 and 4.
    powers = [math.e, math.e, math.exp(0.25)]
    expected = [3 * power / sum(powers) for power in powers]
    weights = paper_weights(predicted, images, mask).flatten().tolist()
    assert weights == pytest.approx([*expected, 1.0], abs=1e-5)


def test_official_by_hand():
    """Distances 1, 2 and 8: reciprocals that sum to three, clamped to [1, 1.5]."""
    normal = torch.zeros(1, 2, 2, 2)
    noisy = torch.tensor([1.0, 2.0, 8.0, 5.0]).sqrt().view(1, 1, 2, 2).expand(1, 2, 2, 2)
    cells = torch.tensor([True, True, True, False]).view(1, 1, 2, 2)
    total = 1 + 1 / 2 + 1 / 8
    assert 3 / total > 1.5  # the nearest is clamped from above, the farthest from below
    assert official_weights(noisy, normal, cells).flatten().tolist() == pytest.approx(
        [1.5, 1.0, 1.0, 1.0]
    )
    noisy = torch.tensor([1.0, 1.2, 1.4, 5.0]).sqrt().view(1, 1, 2, 2).expand(1, 2, 2, 2)
    total = 1 + 1 / 1.2 + 1 / 1.4
    assert official_weights(noisy, normal, cells).flatten().tolist() == pytest.approx(
        [3 / total, 1.0, 1.0, 1.0]
    )


@pytest.mark.parametrize(
    "form", [partial(fast_weights, expected=torch.tensor(4.0)), official_weights]
)
def test_little_change_gets_more_attention_and_images_do_not_mix(form):
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(2, 8, 6, 6, generator=generator)
    latents = normal + torch.linspace(0.1, 3, 6).view(1, 1, 1, 6)
    cells = torch.zeros(2, 1, 6, 6, dtype=torch.bool)
    cells[:, :, 1:4, 1:5] = True
    weights = form(latents, normal, cells)
    assert (weights[~cells] == 1).all()
    row = weights[0, 0, 2, 1:5]
    assert (row.diff() <= 0).all()
    assert row[0] > row[-1]
    alone = form(latents[1:] * 1.0, normal[1:], cells[1:])
    torch.testing.assert_close(alone, weights[1:])


def test_fast_by_hand():
    """No change, half of what is expected, all of it, and more; a fifth cell outside."""
    normal = torch.randn(1, 2, 1, 5, generator=torch.Generator().manual_seed(0))
    change = torch.tensor([0.0, 0.5, 1.0, 9.0, 0.0]).mul(0.3).sqrt().view(1, 1, 1, 5)
    cells = torch.tensor([True, True, True, True, False]).view(1, 1, 1, 5)
    weights = fast_weights(normal + change, normal, cells, torch.tensor(0.3))
    expected = [MOST, (MOST + 1) / 2, 1, 1, 1]
    assert weights.flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_fast_raises_all_of_a_mask_where_all_is_faint():
    normal = torch.zeros(2, 4, 6, 6)
    cells = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    expected = torch.tensor([1.0, 0.01]).view(2, 1, 1, 1)
    weights = fast_weights(normal + 0.1, normal, cells, expected)
    torch.testing.assert_close(weights[0], torch.full((1, 6, 6), 1 + 0.99 * (MOST - 1)))
    torch.testing.assert_close(weights[1], torch.ones(1, 6, 6))


def test_no_cells_and_no_change_are_finite():
    latents = torch.zeros(1, 8, 4, 4)
    empty = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    full = ~empty
    assert (official_weights(latents, latents, full) == 1).all()
    assert (fast_weights(latents, latents, full, torch.tensor(0.0)) == MOST).all()
    assert (fast_weights(latents, latents, empty, torch.tensor(1.0)) == 1).all()
    assert (official_weights(latents, latents, empty) == 1).all()


def test_forms_by_name(small_prior):
    size, cells = small_prior.image_size, small_prior.latent_size
    given = {
        "images": torch.zeros(1, 3, size, size),
        "normal": torch.zeros(1, small_prior.latent_channels, cells, cells),
        "mask": torch.ones(1, 1, size, size),
        "cells": torch.ones(1, 1, cells, cells, dtype=torch.bool),
        "tokens": 3,
        "expected": lambda: torch.tensor(1.0),
    }
    assert reweighting_of("none", small_prior, **given) is None
    for form, target, side in (("fast", "map", cells), ("paper", "map", size)):
        made = reweighting_of(form, small_prior, **given)
        assert made.attention.target == target
        assert made.weights(given["normal"], None) is None
        assert made.weights(given["normal"], given["normal"]).shape == (1, 1, side, side)
    made = reweighting_of("official", small_prior, **given)
    assert made.attention.target == "logits"
    assert made.weights(given["normal"] + 1, None).shape == (1, 1, cells, cells)
