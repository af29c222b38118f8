"""Weighted cross-attention, against the formula written out and against untouched layers."""

import pytest
import torch
from diffusers.models.attention_processor import Attention
from test_sampling import PlainPrior

from anogen.errors import InputError
from anogen.prior.attention import Reweighting, WeightedAttention
from anogen.prior.sampling import SamplerSettings, blended_sampling


@pytest.fixture(autouse=True)
def _single_precision(monkeypatch):
    """Two ways to the same numbers are compared: without the rounding of bfloat16."""
    monkeypatch.setattr("anogen.prior.precision.matrix_units", lambda: False)


def read_by_hand(layer, hidden, context, weights, target, learned):
    """The layer's output head by head, pixel by pixel; weights ``(B, pixels)``."""
    query, key, value = layer.to_q(hidden), layer.to_k(context), layer.to_v(context)
    width = query.shape[-1] // layer.heads
    parts = []
    for head in range(layer.heads):
        rows = slice(head * width, (head + 1) * width)
        logits = torch.einsum("bpc,blc->bpl", query[..., rows], key[..., rows]) / width**0.5
        if target == "logits":
            logits[..., :learned] *= weights[..., None]
        attended = logits.softmax(dim=2)
        if target == "map":
            attended = attended * weights[..., None]
        parts.append(attended @ value[..., rows])
    return layer.to_out[0](torch.cat(parts, dim=2))


@pytest.mark.parametrize("target", ["map", "logits"])
@pytest.mark.parametrize(("length", "learned"), [(3, 3), (7, 4)])
def test_a_layer_reads_as_the_formula_says(small_prior, target, length, learned):
    attention = WeightedAttention(small_prior, target=target, tokens=3)
    layer = next(
        m for m in small_prior.modules() if isinstance(m, Attention) and m.is_cross_attention
    )
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(2, 16, layer.to_q.in_features, generator=generator)
    context = 3 * torch.randn(2, length, small_prior.token_dim, generator=generator)
    weights = 2 * torch.rand(2, 1, 8, 8, generator=generator)
    # 4 x 4 pixels of the layer: each sees the mean of 2 x 2 weights.
    coarse = weights.view(2, 4, 2, 4, 2).mean(dim=(2, 4)).view(2, 16)
    plain = layer(hidden, encoder_hidden_states=context)
    with torch.no_grad(), attention:
        assert torch.equal(layer(hidden, encoder_hidden_states=context), plain)
        attention.weights = weights
        got = layer(hidden, encoder_hidden_states=context)
        attention.weights = torch.ones_like(weights)
        ones = layer(hidden, encoder_hidden_states=context)
    expected = read_by_hand(layer, hidden, context, coarse, target, learned)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ones, plain, rtol=0, atol=1e-5)
    assert (got - plain).abs().max() > 1e-3


def test_other_layers_stay_and_all_is_given_back(small_prior):
    layers = [m for m in small_prior.modules() if isinstance(m, Attention)]
    before = [layer.processor for layer in layers]
    attention = WeightedAttention(small_prior, target="map", tokens=3)
    with pytest.raises(RuntimeError, match="in the middle"), attention:
        for layer, processor in zip(layers, before, strict=True):
            assert (layer.processor is processor) == (not layer.is_cross_attention)
        assert any(layer.is_cross_attention for layer in layers)
        raise RuntimeError("in the middle")
    assert [layer.processor for layer in layers] == before


def test_a_prior_without_cross_attention_is_refused():
    with pytest.raises(InputError, match="plain has no cross-attention"):
        WeightedAttention(PlainPrior(), target="map", tokens=1)


def drawn(prior, settings, reweighting=None, batch=2):
    generator = torch.Generator().manual_seed(1)
    shape = (batch, prior.latent_channels, prior.latent_size, prior.latent_size)
    region = torch.zeros(batch, 1, *shape[2:])
    region[..., 1:3, 1:3] = 1
    return blended_sampling(
        prior,
        normal=torch.randn(shape, generator=generator),
        region=region,
        context=torch.randn(batch, 5, prior.token_dim, generator=generator),
        surroundings=None,
        noise=torch.randn(shape, generator=generator),
        settings=settings,
        reweighting=reweighting,
    )


def constant(prior, value, seen=None):
    """A re-weighting that notes what it is given."""

    def weights(noisy, clean):
        if seen is not None:
            seen.append((noisy, clean))
        return torch.full_like(noisy[:, :1], value)

    return Reweighting(WeightedAttention(prior, target="map", tokens=5), weights)


def test_the_sampler_hands_over_what_the_step_before_predicted(small_prior):
    seen = []
    settings = SamplerSettings(steps=3, guidance=1.0)
    plain = drawn(small_prior, settings)
    ones = drawn(small_prior, settings, constant(small_prior, 1.0, seen))
    torch.testing.assert_close(ones, plain, rtol=0, atol=1e-4)
    assert [clean is None for _, clean in seen] == [True, False, False]
    # DPM-Solver++ of one step to no noise ends at the clean latents that were predicted.
    one_step = drawn(small_prior, SamplerSettings(steps=1, guidance=1.0))
    first = seen[1][1]
    region = torch.zeros(1, 1, *first.shape[2:], dtype=torch.bool)
    region[..., 1:3, 1:3] = True
    inside = region.expand_as(first)
    torch.testing.assert_close(first[inside], one_step[inside], rtol=1e-3, atol=1e-2)
    assert (drawn(small_prior, settings, constant(small_prior, 3.0)) - plain).abs().max() > 1e-3


def test_the_empty_branch_of_guidance_is_not_weighted(small_prior):
    """Guidance g about weighted and plain: as from separate calls, whatever the batching."""
    settings = SamplerSettings(steps=2, guidance=3.0)
    joint = drawn(small_prior, settings, constant(small_prior, 2.0))
    small = small_prior.empty_context(1)
    prior = small_prior
    before = prior.empty_context
    try:
        # Twice as long, each token twice: attention says the same, but in a call of its own.
        prior.empty_context = lambda batch: small.repeat(1, 2, 1).expand(batch, -1, -1)
        apart = drawn(prior, settings, constant(prior, 2.0))
    finally:
        prior.empty_context = before
    torch.testing.assert_close(joint, apart, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("dilation", "cells"), [(0.0, 0), (0.25, 1), (0.5, 3)])
def test_the_region_is_wider_at_high_noise_and_ends_as_asked(dilation, cells):
    """Which cells the sampler lets go, seen by a prior that notes where they left the normal."""
    plain = PlainPrior()
    widest = []

    class Noting(PlainPrior):
        def __init__(self):
            self.alphas_cumprod = plain.alphas_cumprod

        def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):  # noqa: ARG002
            level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
            widest.append((int(timestep[0]), latents.clone()))
            return (latents - level.sqrt() * 9.0) / (1 - level).sqrt()

    noise = torch.zeros(1, 4, 8, 8)
    region = torch.zeros(1, 1, 8, 8)
    region[..., 3:5, 3:5] = 1
    result = blended_sampling(
        Noting(),
        normal=torch.zeros(1, 4, 8, 8),
        region=region,
        context=torch.zeros(1, 1, 8),
        surroundings=None,
        noise=noise,
        settings=SamplerSettings(solver="ddim", steps=10, guidance=1.0, dilation=dilation),
    )
    for timestep, latents in widest[1:]:
        free = (latents != 0).any(dim=1)[0]
        # int((t + 100) / 1000 * dilation * 8) cells on each side of two.
        side = 2 + 2 * int((timestep + 100) * dilation * 8 / 1000)
        assert int(free.sum()) == side**2
    assert int((widest[1][1] != 0).any(dim=1).sum()) == (2 + 2 * cells) ** 2
    assert int((result != 0).any(dim=1).sum()) == 4
