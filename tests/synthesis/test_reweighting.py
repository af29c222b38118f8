"""Weights of the attention, worked out by hand."""

import math

import pytest
import torch

from anogen.synthesis.reweighting import (
    BARELY_SEEN,
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


@pytest.mark.parametrize("form", [fast_weights, official_weights])
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


def test_fast_keeps_the_mean_of_the_mask_and_does_not_know_units():
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(3, 8, 6, 6, generator=generator)
    change = torch.randn(3, 8, 6, 6, generator=generator)
    cells = torch.rand(3, 1, 6, 6, generator=generator) > 0.5
    weights = fast_weights(normal + change, normal, cells)
    for image, inside in zip(weights, cells, strict=True):
        assert float(image[inside].mean()) == pytest.approx(1, abs=1e-5)
        assert image.max() / image.min() < math.e
    torch.testing.assert_close(fast_weights(normal + 7 * change, normal, cells), weights)


def test_no_cells_and_no_change_are_finite():
    latents = torch.zeros(1, 8, 4, 4)
    empty = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    full = ~empty
    assert (official_weights(latents, latents, full) == 1).all()
    torch.testing.assert_close(fast_weights(latents, latents, full), torch.ones(1, 1, 4, 4))
    assert (official_weights(latents, latents, empty) == 1).all()


def test_forms_by_name(small_prior):
    size, cells = small_prior.image_size, small_prior.latent_size
    given = {
        "images": torch.zeros(1, 3, size, size),
        "normal": torch.zeros(1, small_prior.latent_channels, cells, cells),
        "mask": torch.ones(1, 1, size, size),
        "cells": torch.ones(1, 1, cells, cells, dtype=torch.bool),
        "tokens": 3,
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
