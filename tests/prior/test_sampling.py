# ruff: noqa: ARG002 -- stand-ins for a prior do not need all that the contract hands them
"""Blended sampling against diffusers' inpainting pipeline, and what must hold for any prior."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UNet2DConditionModel,
    UniPCMultistepScheduler,
)
from diffusers.utils import is_transformers_available

from anogen.concept.settings import MaskSettings
from anogen.prior.embedded import cosine_schedule
from anogen.prior.sampling import (
    SamplerSettings,
    blended_sampling,
    check_ddim_steps,
    make_scheduler,
)
from anogen.synthesis.settings import SynthesisSettings

BATCH, IMAGE, LATENT, WIDTH = 2, 64, 8, 8
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


class PlainPrior:
    """A tiny network of Stable Diffusion's kind behind the contract: four channels, no extras."""

    name = "plain"
    inpainting = False
    fingerprint = "plain"
    image_size, latent_size, latent_channels, token_dim = IMAGE, LATENT, 4, WIDTH

    def __init__(self):
        torch.manual_seed(3)
        self.unet = UNet2DConditionModel(
            sample_size=LATENT,
            in_channels=4,
            out_channels=4,
            block_out_channels=(8, 16),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=4,
        ).eval()
        self.autoencoder = AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            norm_num_groups=2,
            sample_size=IMAGE,
        ).eval()
        with torch.no_grad():
            # The pipeline draws from the posterior: without deviation that is its mean.
            self.autoencoder.quant_conv.weight[4:] = 0
            self.autoencoder.quant_conv.bias[4:] = -30
        self.empty = torch.randn(1, 3, WIDTH)
        root = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64)
        self.alphas_cumprod = torch.cumprod(1 - root**2, dim=0)

    @torch.no_grad()
    def encode(self, images):
        scale = self.autoencoder.config.scaling_factor
        return self.autoencoder.encode(images).latent_dist.mean * scale

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
        return self.unet(latents, timestep, context).sample

    def context(self, tokens):
        return tokens

    def empty_context(self, batch):
        return self.empty.expand(batch, -1, -1)


@pytest.fixture(scope="module")
def plain():
    return PlainPrior()


@pytest.fixture(scope="module")
def work(plain):
    """Normal windows, a mask along latent cells, a context and noise."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 3, IMAGE, IMAGE, generator=generator) * 2 - 1
    mask = torch.zeros(1, 1, IMAGE, IMAGE)
    mask[..., 16:48, 8:40] = 1
    return {
        "images": images,
        "mask": mask,
        "normal": plain.encode(images),
        "region": mask[..., ::8, ::8].expand(BATCH, -1, -1, -1),
        "context": torch.randn(BATCH, 3, WIDTH, generator=generator),
        "noise": torch.randn(BATCH, 4, LATENT, LATENT, generator=generator),
    }


def sample(prior, work, settings, **given):
    inputs = {name: work[name] for name in ("normal", "region", "context", "noise")}
    return blended_sampling(prior, **{"surroundings": None, "settings": settings} | inputs | given)


def usual_scheduler(solver):
    """The scheduler as users of Stable Diffusion build it."""
    if solver == "ddim":
        return DDIMScheduler(
            **STABLE_DIFFUSION, clip_sample=False, set_alpha_to_one=False, steps_offset=1
        )
    if solver == "unipc":
        return UniPCMultistepScheduler(**STABLE_DIFFUSION)
    return DPMSolverMultistepScheduler(**STABLE_DIFFUSION)


def inpaint_by_hand(prior, work, *, solver, steps, guidance):
    """The loop of diffusers' inpainting pipeline for four channels at strength 1, step by step."""
    scheduler = usual_scheduler(solver)
    scheduler.set_timesteps(steps)
    states = torch.cat([prior.empty_context(BATCH), work["context"]])
    latents = work["noise"] * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        with torch.no_grad():
            both = prior.unet(torch.cat([latents] * 2), timestep, states).sample
        free, conditional = both.chunk(2)
        predicted = free + guidance * (conditional - free)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
        held = work["normal"]
        if index < steps - 1:
            following = scheduler.timesteps[index + 1]
            held = scheduler.add_noise(held, work["noise"], torch.tensor([following]))
        latents = (1 - work["region"]) * held + work["region"] * latents
    return latents


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("steps", [7, 20])
@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++", "unipc"])
def test_latents_are_those_of_the_inpainting_loop(plain, work, solver, steps):
    expected = inpaint_by_hand(plain, work, solver=solver, steps=steps, guidance=4.0)
    drawn = sample(plain, work, SamplerSettings(solver=solver, steps=steps, guidance=4.0))
    torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-4)
    assert (drawn - work["normal"]).abs().amax() > 0.1


@pytest.mark.skipif(not is_transformers_available(), reason="the pipeline imports transformers")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++", "unipc"])
def test_latents_are_those_of_diffusers_pipeline(plain, work, solver):
    from diffusers import StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=plain.autoencoder,
        text_encoder=None,
        tokenizer=None,
        unet=plain.unet,
        scheduler=usual_scheduler(solver),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        image=work["images"],
        mask_image=work["mask"].repeat(BATCH, 1, 1, 1),
        prompt_embeds=work["context"],
        negative_prompt_embeds=plain.empty_context(BATCH).contiguous(),
        latents=work["noise"],
        num_inference_steps=12,
        guidance_scale=4.0,
        strength=1.0,
        height=IMAGE,
        width=IMAGE,
        eta=0.0,
        output_type="latent",
    ).images
    drawn = sample(plain, work, SamplerSettings(solver=solver, steps=12, guidance=4.0))
    torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-4)


def test_timesteps_of_ddim_are_those_of_the_released_code():
    scheduler = make_scheduler(SamplerSettings(solver="ddim", steps=50), cosine_schedule())
    # LDM's DDIM sampler: range(0, 1000, 20) + 1, reversed.
    assert scheduler.timesteps.tolist() == [step + 1 for step in range(0, 1000, 20)][::-1]
    assert float(scheduler.final_alpha_cumprod) == pytest.approx(float(cosine_schedule()[0]))


@pytest.mark.parametrize("solver", ["dpmsolver++", "unipc"])
def test_multistep_solvers_start_at_the_last_timestep_and_end_without_noise(solver):
    scheduler = make_scheduler(SamplerSettings(solver=solver, steps=10), cosine_schedule())
    assert scheduler.timesteps[0] == 999
    assert scheduler.sigmas[-1] == 0
    assert len(set(scheduler.timesteps.tolist())) == 10


@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++", "unipc"])
def test_schedules_keep_the_priors_noise_levels(solver):
    levels = cosine_schedule()
    scheduler = make_scheduler(SamplerSettings(solver=solver, steps=10), levels)
    np.testing.assert_allclose(scheduler.alphas_cumprod.double(), levels, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++", "unipc"])
@pytest.mark.parametrize(("steps", "strength"), [(1, 1.0), (6, 1.0), (6, 0.5), (3, 0.01)])
def test_outside_the_region_is_what_drawing_starts_from_and_no_warning_is_given(
    plain, work, solver, steps, strength
):
    """From noise, that is the normal; else the latents it starts from, also in a cell of the region
    that is not drawn, since less than half as much of it is in the region as of the one beside."""
    region = work["region"].clone()
    region[..., 2:6, 5] = 0.4
    settings = SamplerSettings(solver=solver, steps=steps, strength=strength, guidance=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = sample(plain, work, settings, start=-work["normal"], region=region)
    held = work["normal"] if strength == 1 else -work["normal"]
    outside = (work["region"] == 0).expand_as(drawn)
    torch.testing.assert_close(drawn[outside], held[outside], rtol=0, atol=0)
    assert drawn.isfinite().all()
    assert (drawn - held)[~outside].abs().amax() > 1e-3


@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++", "unipc"])
def test_a_perfect_prediction_leads_to_the_predicted_latents(plain, work, solver):
    """A network that knows the answer: every solver must arrive at it."""

    class Oracle(PlainPrior):
        def __init__(self, answer):
            self.answer, self.alphas_cumprod = answer, plain.alphas_cumprod

        def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
            level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
            return (latents - level.sqrt() * self.answer) / (1 - level).sqrt()

    answer = work["normal"].flip(0) + 0.5
    for strength in (1.0, 0.4):
        settings = SamplerSettings(solver=solver, steps=10, guidance=1.0, strength=strength)
        drawn = sample(Oracle(answer), work, settings, start=work["normal"])
        inside = (work["region"] == 1).expand_as(drawn)
        # DDIM ends at the noise of timestep 0, alpha-bar 0.99915, not at none.
        left = 0.05 * 4 if solver == "ddim" else 1e-3
        assert (drawn - answer)[inside].abs().max() < left


def test_strength_is_the_share_of_the_steps_that_are_taken(plain, work):
    class Counting(PlainPrior):
        def __init__(self):
            self.seen, self.alphas_cumprod = [], plain.alphas_cumprod

        def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
            self.seen.append(int(timestep[0]))
            return torch.zeros_like(latents)

    for solver in ("ddim", "dpmsolver++", "unipc"):
        whole, part = Counting(), Counting()
        for prior, strength in ((whole, 1.0), (part, 0.3)):
            settings = SamplerSettings(solver=solver, steps=10, guidance=1.0, strength=strength)
            sample(prior, work, settings, start=work["normal"])
        assert len(whole.seen) == 10
        assert part.seen == whole.seen[7:]


def test_guidance_acts_on_its_share_of_the_noisiest_steps(plain, work):
    class Counting(PlainPrior):
        def __init__(self):
            self.rows, self.alphas_cumprod = [], plain.alphas_cumprod
            self.empty = plain.empty

        def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):
            self.rows.append(len(latents))
            return torch.zeros_like(latents)

    prior = Counting()
    sample(prior, work, SamplerSettings(steps=10, guidance=3.0, guidance_share=0.4))
    assert prior.rows == [2 * BATCH] * 4 + [BATCH] * 6


def test_contexts_of_another_length_are_guided_all_the_same(plain, work):
    """Five tokens against the empty context's three: two calls give what one call would."""
    settings = SamplerSettings(steps=4, guidance=3.0)
    longer = torch.cat([work["context"], work["context"][:, :1].repeat(1, 3, 1)], dim=1)
    drawn = sample(plain, work, settings, context=longer)
    prior = PlainPrior()
    # Attention weighs equal tokens alike: the same empty context, twice as long, says the same.
    prior.empty = plain.empty.repeat(1, 2, 1)
    expected = sample(prior, work, settings, context=longer)
    torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-4)


def test_noise_of_ddim_comes_from_each_images_own_generator(plain, work):
    settings = SamplerSettings(solver="ddim", steps=5, guidance=1.0, eta=1.0)

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (11, 12)]

    both = sample(plain, work, settings, step_noise=generators())
    torch.manual_seed(99)
    assert torch.equal(both, sample(plain, work, settings, step_noise=generators()))
    alone = {n: work[n][1:] for n in ("normal", "region", "context", "noise")}
    single = sample(plain, alone, settings, step_noise=generators()[1:])
    torch.testing.assert_close(single, both[1:], rtol=0, atol=1e-5)
    still = sample(plain, work, dataclasses.replace(settings, eta=0.0))
    assert (both - still).abs().amax() > 0.1


def test_missing_inputs_are_refused(plain, work):
    with pytest.raises(ValueError, match="strength"):
        sample(plain, work, SamplerSettings(strength=0.5))
    with pytest.raises(ValueError, match="eta"):
        sample(plain, work, SamplerSettings(solver="ddim", eta=0.5))
    with pytest.raises(ValueError, match="1000 steps over 1000"):
        sample(plain, work, SamplerSettings(solver="ddim", steps=1000))


def test_cells_that_are_drawn_by_hand(plain, work):
    """A box with cells half, more and less in it, and a line thinner than a cell apart from it."""
    region = torch.zeros_like(work["region"])
    region[:, :, 1:4, 1:3] = 1.0
    region[:, :, 1:4, 0] = 0.6
    region[:, :, 1:4, 3] = 0.4
    region[:, :, 4, 1:3] = 0.5
    region[:, :, 6, 5:8] = torch.tensor([0.1, 0.2, 0.2])
    drawn = sample(plain, work, SamplerSettings(steps=3), region=region)
    changed = (drawn != work["normal"]).any(dim=1)
    expected = torch.zeros(BATCH, LATENT, LATENT, dtype=torch.bool)
    expected[:, 1:4, 0:3] = expected[:, 4, 1:3] = expected[:, 6, 5:8] = True
    assert torch.equal(changed, expected)


@pytest.mark.parametrize("steps", [1, 20, 50, 200, 249, 330, 333])
def test_steps_of_ddim_that_begin_near_pure_noise(steps):
    check_ddim_steps(steps)


def test_steps_of_ddim_that_would_begin_far_from_it_are_refused():
    with pytest.raises(ValueError, match="350 steps of 1000; take 333 or 475"):
        check_ddim_steps(350)
    with pytest.raises(ValueError, match="far from pure noise"):
        SynthesisSettings(solver="ddim", steps=400)
    with pytest.raises(ValueError, match="far from pure noise"):
        MaskSettings(sampling_steps=350)
    assert SynthesisSettings(solver="unipc", steps=350).steps == 350
