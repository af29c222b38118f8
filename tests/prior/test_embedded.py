"""The contract of priors, for every kind; and the embedded prior's own file and schedule."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from anogen.errors import InputError
from anogen.prior.embedded import cosine_schedule, fingerprint_of, load_embedded
from anogen.prior.loading import load_prior
from anogen.prior.precision import matrix_units
from anogen.prior.vocabulary import TOKENS_PER_WORD, Vocabulary

PRIORS = ["small_prior"]
"""Fixtures, each a loaded prior."""


@pytest.fixture(params=PRIORS)
def prior(request):
    return request.getfixturevalue(request.param)


def noisy_batch(prior, count=3):
    """Latents, timesteps, context, surroundings and region; all timesteps differ."""
    generator = torch.Generator().manual_seed(5)
    side, channels = prior.latent_size, prior.latent_channels
    latents = torch.randn(count, channels, side, side, generator=generator)
    timestep = torch.linspace(0, len(prior.alphas_cumprod) - 1, count).long()
    context = prior.context(torch.randn(count, 5, prior.token_dim, generator=generator))
    extra = {}
    if prior.inpainting:
        extra["surroundings"] = torch.randn(latents.shape, generator=generator)
        extra["region"] = torch.rand(count, 1, side, side, generator=generator)
    return latents, timestep, context, extra


@torch.no_grad()
def test_images_to_latents_and_back(prior):
    images = torch.rand(2, 3, prior.image_size, prior.image_size) * 4 - 2
    latents = prior.encode(images.clamp(-1, 1))
    assert latents.shape == (2, prior.latent_channels, prior.latent_size, prior.latent_size)
    assert torch.equal(latents, prior.encode(images.clamp(-1, 1)))
    decoded = prior.decode(100 * latents)
    assert decoded.shape == images.shape
    assert decoded.min() >= -1
    assert decoded.max() <= 1


def test_the_schedule_falls_from_clean_to_noise(prior):
    levels = prior.alphas_cumprod
    assert levels.ndim == 1
    assert levels.dtype == torch.float64
    assert levels[0] > 0.99
    assert 0 < levels[-1] < 0.01
    assert (levels.diff() < 0).all()


@torch.no_grad()
def test_noise_has_the_latents_shape_and_rows_do_not_mix(prior):
    latents, timestep, context, extra = noisy_batch(prior)
    noise = prior.predict_noise(latents, timestep, context, **extra)
    assert noise.shape == latents.shape
    assert noise.isfinite().all()
    for row in range(len(latents)):
        one = {name: value[row : row + 1] for name, value in extra.items()}
        alone = prior.predict_noise(
            latents[row : row + 1], timestep[row : row + 1], context[row : row + 1], **one
        )
        torch.testing.assert_close(alone[0], noise[row], rtol=0, atol=1e-4)


@torch.no_grad()
def test_noise_depends_on_everything_it_is_told(prior):
    latents, timestep, context, extra = noisy_batch(prior)
    noise = prior.predict_noise(latents, timestep, context, **extra)
    others = [
        (latents + 0.5, timestep, context, extra),
        (latents, timestep.flip(0), context, extra),
        (latents, timestep, -context, extra),
        *((latents, timestep, context, extra | {name: extra[name] * 0.5}) for name in extra),
    ]
    for changed, time, states, more in others:
        other = prior.predict_noise(changed, time, states, **more)
        assert (other - noise).abs().max() > 1e-6


def test_contexts_and_words(prior):
    empty = prior.empty_context(3)
    assert empty.shape[::2] == (3, prior.token_dim)
    for word in prior.words():
        tokens = prior.word_tokens(word)
        assert tokens.ndim == 2
        assert tokens.shape[1] == prior.token_dim
    if prior.words():
        with pytest.raises(InputError, match=f"'unheard'.*{prior.words()[0]}"):
            prior.word_tokens("unheard")
    with pytest.raises(InputError, match=f"width {prior.token_dim + 1} .* {prior.token_dim}"):
        prior.context(torch.zeros(1, 2, prior.token_dim + 1))


def test_changing_a_words_tokens_does_not_change_the_prior(prior):
    if not prior.words():
        pytest.skip("an open vocabulary")
    tokens = prior.word_tokens(prior.words()[0])
    before = tokens.clone()
    tokens += 1
    assert torch.equal(prior.word_tokens(prior.words()[0]), before)


def test_only_tokens_get_gradients(prior):
    latents, timestep, _, extra = noisy_batch(prior)
    tokens = torch.randn(3, 2, prior.token_dim, requires_grad=True)
    prior.predict_noise(latents, timestep, prior.context(tokens), **extra).sum().backward()
    assert tokens.grad is not None
    assert tokens.grad.abs().sum() > 0
    assert not prior.training
    assert not any(parameter.requires_grad for parameter in prior.parameters())


@torch.no_grad()
def test_noise_and_velocity_describe_the_same_clean_latents(small_prior):
    latents, timestep, context, extra = noisy_batch(small_prior, count=5)
    extra["region"] = (extra["region"] > 0.5).float()
    velocity = small_prior.predict_velocity(latents, timestep, context, **extra)
    noise = small_prior.predict_noise(latents, timestep, context, **extra)
    level = small_prior.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
    # v = sqrt(ab) eps - sqrt(1 - ab) z0 and z = sqrt(ab) z0 + sqrt(1 - ab) eps.
    clean = level.sqrt() * latents - (1 - level).sqrt() * velocity
    torch.testing.assert_close(level.sqrt() * clean + (1 - level).sqrt() * noise, latents)
    torch.testing.assert_close(level.sqrt() * noise - (1 - level).sqrt() * clean, velocity)


@torch.no_grad()
def test_without_surroundings_all_is_unknown_and_free(small_prior):
    latents, timestep, context, _ = noisy_batch(small_prior)
    bare = small_prior.predict_noise(latents, timestep, context)
    told = small_prior.predict_noise(
        latents,
        timestep,
        context,
        surroundings=torch.zeros_like(latents),
        region=torch.ones_like(latents[:, :1]),
    )
    assert torch.equal(bare, told)


@pytest.mark.skipif(not matrix_units(), reason="no bfloat16 matrix units")
def test_matrix_units_round_and_no_more(prior, monkeypatch):
    latents, timestep, context, extra = noisy_batch(prior)
    fast = prior.predict_noise(latents, timestep, context, **extra), prior.decode(latents)
    monkeypatch.setattr("anogen.prior.precision.matrix_units", lambda: False)
    exact = prior.predict_noise(latents, timestep, context, **extra), prior.decode(latents)
    for rounded, single in zip(fast, exact, strict=True):
        assert rounded.dtype == torch.float32
        assert 0 < (rounded - single).abs().mean() < 0.02 * single.abs().mean()


def test_the_cosine_schedule_by_hand():
    levels = cosine_schedule(10)
    # Nichol and Dhariwal, Eq. 17: f(t) = cos((t / T + 0.008) / 1.008 * pi / 2) ** 2.
    half = math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert float(levels[4]) == pytest.approx(half / start)
    # The last beta would be 1: it is held at 0.999.
    assert float(levels[-1] / levels[-2]) == pytest.approx(0.001)


def test_a_prior_is_known_by_its_weights_and_shape(small_prior, small_prior_file):
    assert load_prior(str(small_prior_file)).fingerprint == small_prior.fingerprint
    tensors = load_file(small_prior_file)
    config = small_prior.config
    assert fingerprint_of(tensors, config) == small_prior.fingerprint
    assert fingerprint_of(tensors, config | {"defect_variance": 1.0}) != small_prior.fingerprint
    reordered = dict(reversed(tensors.items()))
    assert fingerprint_of(reordered, config) == small_prior.fingerprint
    name = next(iter(tensors))
    tensors[name].view(-1)[0] += 1
    assert fingerprint_of(tensors, config) != small_prior.fingerprint


def test_files_that_are_no_prior_end_in_a_sentence(small_prior_file, tmp_path):
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(InputError, match=r"missing\.safetensors: no weights"):
        load_embedded(missing)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(small_prior_file.read_bytes()[:5000])
    with pytest.raises(InputError, match="safetensors: damaged"):
        load_embedded(damaged)
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(InputError, match="not an embedded prior"):
        load_embedded(other)
    unfit = tmp_path / "unfit.safetensors"
    save_file({"x": torch.zeros(1)}, unfit, {"config": json.dumps({"widths": [8]})})
    with pytest.raises(InputError, match="do not fit its own header"):
        load_embedded(unfit)
    with pytest.raises(InputError, match="unknown prior 'sdxl'"):
        load_prior("sdxl")


def test_the_row_minus_one_of_a_vocabulary_is_the_empty_context():
    vocabulary = Vocabulary(("normal", "defect"), 6)
    torch.nn.init.normal_(vocabulary.empty)
    tokens = vocabulary(torch.tensor([1, -1, 0]))
    assert tokens.shape == (3, TOKENS_PER_WORD, 6)
    assert torch.equal(tokens[0], vocabulary.table[1])
    assert torch.equal(tokens[1], vocabulary.empty)
    assert torch.equal(tokens[2], vocabulary.table[0])


def test_boxes_are_seen_by_share_and_other_shapes_by_the_cells_they_touch(small_prior):
    cell = small_prior.image_size // small_prior.latent_size
    box = torch.zeros(1, 1, small_prior.image_size, small_prior.image_size)
    box[:, :, cell + 1 : 3 * cell, cell : 2 * cell + 3] = 1
    shape = box.clone()
    shape[:, :, cell + 1, cell] = 0
    told = []

    def seen(*arguments):
        told.append(arguments[4])
        return torch.zeros_like(arguments[0])

    latents = torch.zeros(2, small_prior.latent_channels, *2 * (small_prior.latent_size,))
    cells = torch.nn.functional.avg_pool2d(torch.cat([box, shape]), cell)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_prior, "predict_velocity", seen)
        time = torch.zeros(2, dtype=torch.int64)
        context = small_prior.empty_context(2)
        small_prior.predict_noise(latents, time, context, surroundings=latents, region=cells)
    (regions,) = told
    torch.testing.assert_close(regions[:1], cells[:1])
    assert torch.equal(regions[1:], (cells[1:] > 0).float())


def test_what_is_wholly_in_the_region_is_blank_to_the_last_bit(small_prior):
    cell = small_prior.image_size // small_prior.latent_size
    region = torch.zeros(1, 1, small_prior.image_size, small_prior.image_size)
    region[:, :, cell : 3 * cell, cell : 3 * cell] = 0.9999999
    latents = torch.ones(1, small_prior.latent_channels, *2 * (small_prior.latent_size,))
    left = small_prior.surroundings_of(region.expand(1, 3, -1, -1), latents, region)
    assert (left[:, :, 1:3, 1:3] == 0).all()
    assert left.sum() == left.numel() - 4 * small_prior.latent_channels
