# ruff: noqa: ARG002 -- a stand-in for a prior does not need all that the contract hands it
"""The mask embedding of Eq. 9, with a prior whose answer is known and small real ones."""

from pathlib import Path

import numpy as np
import pytest
import small_models
import torch

from anogen.concept.concept import load_concept
from anogen.concept.mask_embedding import learn_mask_embedding, mask_squares, square_side
from anogen.concept.settings import MaskSettings
from anogen.concept.views import Shot
from anogen.errors import InputError
from anogen.prior.stable_diffusion import load_stable_diffusion


class Painter:
    """Draws the disc whose radius is the mean of its tokens, in the middle of 32 pixels."""

    name = fingerprint = "painter"
    inpainting = False
    image_size, latent_size, latent_channels, token_dim = 32, 32, 1, 1
    alphas_cumprod = torch.linspace(0.999, 0.01, 1000, dtype=torch.float64)

    def encode(self, images):
        return images.mean(dim=1, keepdim=True)

    def context(self, tokens):
        return tokens

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
        level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        distance = torch.hypot(y - 15.5, x - 15.5)
        clean = 2 * torch.sigmoid(4 * (context.mean(dim=(1, 2))[:, None, None] - distance)) - 1
        return (latents - level.sqrt() * clean[:, None]) / (1 - level).sqrt()

    def words(self):
        return ()

    def word_tokens(self, word):
        if word not in ("defect", "crack"):
            raise InputError(f"the prior does not know the word {word!r}; known are: crack.")
        return torch.tensor([[2.0], [3.0]])


def shot(mask):
    return Shot("test/spot/0.png", "0" * 64, np.zeros((*mask.shape, 3), np.uint8), mask)


def disc(y, x, radius, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - y, columns - x) < radius


def learn(prior, mask, seed=3, **given):
    settings = MaskSettings.model_validate({"batch_size": 4, "learning_rate": 0.2} | given)
    return learn_mask_embedding(
        prior, [shot(mask)], category="plate", defect="spot", settings=settings, seed=seed
    )


def test_squares_are_of_one_size_around_each_mask():
    small, large = np.zeros((60, 60), bool), np.zeros((120, 120), bool)
    small[10:14, 50:60] = True  # 10 of 60 pixels
    large[0:40, 0:8] = True  # 40 of 120 pixels: the largest
    assert square_side([small, large]) == pytest.approx(1.5 / 3)
    squares = mask_squares([small, large], 30)
    # A side is half of the image: 30 pixels of the small one, whose mask is left as it is.
    expected = np.zeros((30, 30))
    expected[13:17, 10:20] = 1
    np.testing.assert_array_equal(squares[0], expected)
    # 60 pixels of the large one, halved.
    expected = np.zeros((30, 30))
    expected[5:25, 13:17] = 1
    np.testing.assert_allclose(squares[1], expected)


def test_tokens_learn_the_size_of_the_masks(tmp_path):
    # The square is 1.5 times 21 pixels wide, about the Painter's 32: the disc keeps its radius.
    mask = disc(30, 50, 10.5, (64, 80))
    start = learn(Painter(), mask, init="crack", steps=0, tokens=3)
    assert start.tokens.tolist() == [[2.0], [3.0], [2.0]]
    learned = learn(Painter(), mask, init="crack", steps=80)
    assert learned.tokens.shape == (4, 1)
    assert 9 < float(learned.tokens.mean()) < 12
    assert len(learned.losses) == 20
    assert learned.losses[-1] < 0.2 * learned.losses[0]
    learned.save(tmp_path / "spot.safetensors")
    again = load_concept(tmp_path / "spot.safetensors")
    assert torch.equal(again.tokens, learned.tokens)
    assert again.shots == ({"key": "test/spot/0.png", "sha256": "0" * 64},)
    assert again.settings["init"] == "crack"


def test_random_starts_come_from_the_seed_alone():
    mask = disc(30, 40, 8, (64, 80))
    one, other = (learn(Painter(), mask, steps=0, seed=seed).tokens for seed in (1, 2))
    assert one.shape == (4, 1)
    assert not torch.equal(one, other)
    torch.manual_seed(7)
    assert torch.equal(learn(Painter(), mask, steps=0, seed=1).tokens, one)


def test_masks_are_learned_in_all_positions_only_if_asked_to():
    seen = []

    class Watching(Painter):
        def encode(self, images):
            seen.append(images)
            return super().encode(images)

    mask = np.zeros((32, 32), bool)
    mask[4:24, 10:12] = mask[4:6, 10:16] = True  # a mirrored L
    learn(Watching(), mask, steps=0, turned=False)
    learn(Watching(), mask, steps=0)
    plain, turned = seen
    assert (len(plain), len(turned)) == (1, 8)
    assert len({image.numpy().tobytes() for image in turned}) == 8
    assert torch.equal(turned[:1], plain)


def test_what_it_cannot_learn_from_is_refused():
    with pytest.raises(InputError, match="does not know the word 'anomaly'"):
        learn(Painter(), disc(9, 9, 4, (32, 32)), init="anomaly")
    with pytest.raises(ValueError, match="needs masks"):
        learn_mask_embedding(
            Painter(), [], category="plate", defect="spot", settings=MaskSettings(), seed=0
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    small_models.stable_diffusion(path / "sd")
    small_models.stable_diffusion(path / "inpainting", in_channels=9)
    return path


@pytest.mark.parametrize("kind", ["embedded", "sd", "inpainting"])
def test_it_learns_in_every_kind_of_prior(kind, folder, small_prior):
    """Random weights have no masks to draw; that the loss reaches every token can be said."""
    prior = small_prior if kind == "embedded" else load_stable_diffusion(folder / kind)
    mask = disc(10, 10, 6, (32, 32))
    before = learn(prior, mask, steps=0).tokens
    after = learn(prior, mask, steps=2, batch_size=2)
    assert before.shape == after.tokens.shape == (4, prior.token_dim)
    assert (before != after.tokens).any(dim=1).all()
    after.check(prior.fingerprint)
