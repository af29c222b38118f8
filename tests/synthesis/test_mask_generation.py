# ruff: noqa: ARG002 -- a stand-in for a prior does not need all that the contract hands it
"""Masks sampled with an embedding, by a prior whose drawings are known."""

import numpy as np
import pytest
import torch

from anogen.concept.concept import Concept
from anogen.concept.settings import MaskSettings
from anogen.errors import InputError
from anogen.synthesis.mask_generation import sample_masks

SIDE = 32
SETTINGS = {"sampling_steps": 4, "guidance": 1.0, "batch_size": 4, "count": 8}


class Painter:
    """Draws what its token says: a bar of that length; how thick, its first noise tells."""

    name = fingerprint = "painter"
    inpainting = False
    image_size, latent_size, latent_channels, token_dim = SIDE, SIDE, 1, 1
    alphas_cumprod = torch.linspace(0.999, 0.01, 1000, dtype=torch.float64)

    def __init__(self):
        self.thick = torch.full((1,), 2.0)

    def decode(self, latents):
        return latents.clamp(-1, 1).expand(-1, 3, -1, -1)

    def context(self, tokens):
        return tokens

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
        level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
        y, x = torch.meshgrid(torch.arange(1.0 * SIDE), torch.arange(1.0 * SIDE), indexing="ij")
        if int(timestep[0]) > 700:
            self.thick = 2 + 2 * (latents[:, 0, 0, 0] > 0).float()
        long = context.mean(dim=(1, 2))[:, None, None] / 2
        inside = ((x - 15.5).abs() < long) & ((y - 15.5).abs() < self.thick[:, None, None])
        clean = 2.0 * inside.float() - 1
        return (latents - level.sqrt() * clean[:, None]) / (1 - level).sqrt()


def support(height=6, width=21):
    """A bar whose square is as large as the Painter's image, about."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[3 : 3 + height, 5 : 5 + width] = True
    return mask


def sample(long, *, supports=None, seed=0, **given):
    embedding = Concept("plate", "spot", torch.full((1, 1), float(long)), "painter")
    return sample_masks(
        Painter(),
        embedding,
        supports=[support()] if supports is None else supports,
        settings=MaskSettings.model_validate(SETTINGS | given),
        seed=seed,
    )


def test_masks_are_binarised_new_and_the_same_again():
    masks = sample(20)
    assert masks.dtype == np.bool_
    assert masks.shape == (8, SIDE, SIDE)
    # Four or eight pixels thick, twenty long.
    assert {int(mask.sum()) for mask in masks} == {80, 160}
    np.testing.assert_array_equal(masks, sample(20))
    assert not np.array_equal(masks, sample(20, seed=1))
    # A sample's randomness is its own: fewer are the first ones.
    np.testing.assert_array_equal(sample(20, count=3), masks[:3])


def test_copies_are_refused_and_too_few_are_told_by_their_number():
    """Samples of four by twenty are copies of the support mask now."""
    known = support(4, 20)
    masks = sample(20, supports=[known], count=20, attempts=1)
    assert {int(mask.sum()) for mask in masks} == {160}
    assert 0 < len(masks) < 20


@pytest.mark.parametrize(
    ("long", "reason"), [(0, "24 were empty"), (6, "24 were smaller or larger than the support")]
)
def test_the_search_ends_with_a_reason(long, reason):
    with pytest.raises(InputError, match=rf"plate/spot: none of 24 .*{reason}.*source=varied"):
        sample(long, attempts=3)


def test_an_embedding_of_another_prior_is_refused():
    with pytest.raises(InputError, match="learned with the prior other"):
        sample_masks(
            Painter(),
            Concept("plate", "spot", torch.zeros(1, 1), "other"),
            supports=[support()],
            settings=MaskSettings(),
            seed=0,
        )


def test_a_real_prior_samples_and_refuses_what_it_cannot_draw(small_prior):
    """Random weights draw no mask: the search goes through the prior and ends."""
    embedding = Concept(
        "plate", "spot", torch.zeros(4, small_prior.token_dim), small_prior.fingerprint
    )
    settings = MaskSettings.model_validate(SETTINGS | {"count": 2, "attempts": 1, "guidance": 2.0})
    with pytest.raises(InputError, match="none of 2 sampled masks"):
        sample_masks(small_prior, embedding, supports=[support()], settings=settings, seed=0)
