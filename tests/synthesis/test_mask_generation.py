# ruff: noqa: ARG002 -- a stand-in for a prior does not need all that the contract hands it
"""The learned masks of Eq. 9, with a prior whose answer is known and a small real one."""

import numpy as np
import pytest
import torch

from anogen.errors import InputError
from anogen.prior.sampling import SamplerSettings
from anogen.synthesis.mask_generation import draw_masks, learn_mask_tokens

SETTINGS = SamplerSettings(steps=4, guidance=1.0)


class Painter:
    """Draws what its token says: a disc of that radius; where, the first noise tells if it may."""

    name = fingerprint = "painter"
    inpainting = False
    image_size, latent_size, latent_channels, token_dim = 32, 32, 1, 1
    alphas_cumprod = torch.linspace(0.999, 0.01, 1000, dtype=torch.float64)

    def __init__(self, *, moving=False):
        self.moving, self.place = moving, torch.full((1, 2), 16.0)

    def encode(self, images):
        return images.mean(dim=1, keepdim=True)

    def decode(self, latents):
        return latents.clamp(-1, 1).expand(-1, 3, -1, -1)

    def context(self, tokens):
        return tokens

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
        level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        if self.moving and int(timestep[0]) == 999:
            self.place = 10 + 12 * (latents[:, 0, 0, :2] > 0).float()
        distance = torch.hypot(y - self.place[:, :1, None], x - self.place[:, 1:2, None])
        clean = 2 * torch.sigmoid(4 * (context.mean(dim=(1, 2))[:, None, None] - distance)) - 1
        return (latents - level.sqrt() * clean[:, None]) / (1 - level).sqrt()


def disc(y, x, radius, side=32):
    rows, columns = np.mgrid[:side, :side]
    return np.hypot(rows - y, columns - x) < radius


def test_tokens_learn_the_size_of_the_masks():
    masks = [disc(16, 16, 6)]
    given = {"learning_rate": 0.1, "batch_size": 4, "seed": 3}
    start = torch.full((2, 1), 2.0)
    learned = learn_mask_tokens(Painter(), masks, start, steps=60, **given)
    assert learned.shape == (2, 1)
    assert 4.5 < float(learned.mean()) < 7.5
    assert torch.equal(start, torch.full((2, 1), 2.0))
    again = learn_mask_tokens(Painter(), masks, start, steps=60, **given)
    assert torch.equal(learned, again)


def test_masks_are_drawn_binarised_and_never_copied():
    tokens = torch.full((1, 1), 6.0)
    masks = draw_masks(Painter(moving=True), tokens, 8, supports=[], settings=SETTINGS, seed=0)
    assert len(masks) == 8
    for mask in masks:
        # Above 0.8 the sigmoid ends 0.55 cells within the radius.
        assert mask.dtype == np.bool_
        assert abs(mask.sum() - np.pi * 5.45**2) < 12
    kinds = {mask.tobytes(): mask for mask in masks}
    assert len(kinds) > 1
    refused = next(iter(kinds.values()))
    painter = Painter(moving=True)
    others = draw_masks(painter, tokens, 4, supports=[refused], settings=SETTINGS, seed=0)
    assert not any(np.array_equal(mask, refused) for mask in others)


@pytest.mark.parametrize(
    ("radius", "reason"), [(0.5, "were empty"), (40.0, "lay along the image's border")]
)
def test_the_search_ends_with_a_reason(radius, reason):
    tokens = torch.full((1, 1), radius)
    with pytest.raises(InputError, match=f"only 0 of 2 masks .* {reason}"):
        draw_masks(
            Painter(), tokens, 2, supports=[], settings=SETTINGS, seed=0, attempts=2, batch_size=2
        )


def test_a_real_prior_learns_and_draws(small_prior):
    """Random weights draw no masks; that the loss reaches the tokens is all that can be said."""
    start = torch.randn(4, small_prior.token_dim, generator=torch.Generator().manual_seed(0))
    learned = learn_mask_tokens(
        small_prior, [disc(10, 10, 6)], start, steps=2, learning_rate=0.05, batch_size=2, seed=1
    )
    assert (learned != start).any(dim=1).all()
    with pytest.raises(ValueError, match="needs masks"):
        learn_mask_tokens(small_prior, [], start, steps=1, learning_rate=0.05, batch_size=2, seed=1)
