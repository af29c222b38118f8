"""Stable Diffusion's formats against diffusers' own pipeline and models."""

from pathlib import Path
from typing import Any

import pytest
import small_models
import torch
from safetensors.torch import load_file, save_file

from anogen.errors import InputError
from anogen.prior.stable_diffusion import load_stable_diffusion, load_stable_diffusion_file
from anogen.prior.text_to_image import TextToImagePrior


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder, and the pipeline of diffusers that wrote it."""
    folder = tmp_path_factory.mktemp("models") / "sd"
    return folder, small_models.stable_diffusion(folder)


@pytest.fixture(scope="module")
def folder(written: tuple[Path, Any]) -> Path:
    return written[0]


@pytest.fixture(scope="module")
def pipeline(written: tuple[Path, Any]) -> Any:
    return written[1]


@pytest.fixture(scope="module")
def prior(folder: Path) -> TextToImagePrior:
    return load_stable_diffusion(folder)


@pytest.fixture(scope="module")
def inpainting(tmp_path_factory: pytest.TempPathFactory) -> TextToImagePrior:
    folder = tmp_path_factory.mktemp("models") / "inpainting"
    small_models.stable_diffusion(folder, in_channels=9)
    return load_stable_diffusion(folder)


def noisy(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((2, 4, 8, 8), generator=generator), torch.tensor([20, 800])


def states_of(pipeline: Any, text: str) -> torch.Tensor:
    states: torch.Tensor = pipeline.encode_prompt(text, "cpu", 1, False)[0]
    return states


@torch.no_grad()
def test_encodes_to_the_scaled_mean_and_decodes_as_the_pipeline_does(
    prior: TextToImagePrior, pipeline: Any
) -> None:
    images = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1
    latents = prior.encode(images)
    torch.testing.assert_close(latents, pipeline.vae.encode(images).latent_dist.mean * 0.18215)
    decoded = pipeline.vae.decode(latents / 0.18215).sample
    torch.testing.assert_close(prior.decode(latents), decoded.clamp(-1, 1))
    assert (prior.image_size, prior.latent_size, prior.latent_channels) == (32, 8, 4)


@torch.no_grad()
def test_noise_and_states_are_those_of_the_pipeline(prior: TextToImagePrior, pipeline: Any) -> None:
    latents, timestep = noisy()
    states = prior.empty_context(2)
    torch.testing.assert_close(states, states_of(pipeline, "").expand(2, -1, -1))
    expected = pipeline.unet(latents, timestep, states).sample
    torch.testing.assert_close(prior.predict_noise(latents, timestep, states), expected)
    torch.testing.assert_close(
        prior.alphas_cumprod.float(), pipeline.scheduler.alphas_cumprod, rtol=1e-5, atol=0
    )


@torch.no_grad()
@pytest.mark.parametrize(("word", "count"), [("defect", 1), ("scratch", 7), ("a defect", 2)])
def test_tokens_of_a_word_in_a_prompt_are_that_word(
    prior: TextToImagePrior, pipeline: Any, word: str, count: int
) -> None:
    tokens = prior.word_tokens(word)
    assert tokens.shape == (count, prior.token_dim)
    both = prior.context(tokens.expand(2, -1, -1), ["a photo of a *", "* on metal, seen near"])
    torch.testing.assert_close(both[:1], states_of(pipeline, f"a photo of a {word}"))
    torch.testing.assert_close(both[1:], states_of(pipeline, f"{word} on metal, seen near"))
    torch.testing.assert_close(prior.context(tokens[None]), states_of(pipeline, word))


@torch.no_grad()
def test_long_prompts_lose_their_end_as_in_the_pipeline(
    prior: TextToImagePrior, pipeline: Any
) -> None:
    tail = " ".join(["scratch"] * 20)
    ours = prior.context(prior.word_tokens("defect")[None], f"a * {tail}")
    torch.testing.assert_close(ours, states_of(pipeline, f"a defect {tail}"))


def test_tokens_alone_learn(prior: TextToImagePrior) -> None:
    tokens = torch.randn((1, 2, 32), generator=torch.Generator().manual_seed(2)).requires_grad_()
    latents, timestep = noisy()
    context = prior.context(tokens.expand(2, -1, -1), "a photo of a *")
    prior.predict_noise(latents, timestep, context).square().mean().backward()
    assert tokens.grad is not None
    assert (tokens.grad.abs().amax(dim=2) > 0).all()
    assert all(parameter.grad is None for parameter in prior.parameters())


def test_prompts_without_one_placeholder_and_too_many_tokens_are_refused(
    prior: TextToImagePrior,
) -> None:
    tokens = prior.word_tokens("defect")[None]
    for prompt in ("a photo", "* and *"):
        with pytest.raises(InputError, match="exactly once"):
            prior.context(tokens, prompt)
    with pytest.raises(InputError, match="fewer tokens"):
        prior.context(tokens.expand(1, 76, -1))
    with pytest.raises(InputError, match="cannot spell"):
        prior.word_tokens("  ")


@torch.no_grad()
def test_velocity_becomes_noise(tmp_path: Path) -> None:
    pipeline = small_models.stable_diffusion(tmp_path / "v", prediction_type="v_prediction")
    prior = load_stable_diffusion(tmp_path / "v")
    latents, timestep = noisy()
    states = prior.empty_context(2)
    velocity = pipeline.unet(latents, timestep, states).sample
    ours = prior.predict_noise(latents, timestep, states)
    for row in range(2):
        # diffusers' scheduler turns the same velocity into the clean latents.
        step = pipeline.scheduler
        step.set_timesteps(1000)
        clean = step.step(velocity[row], int(timestep[row]), latents[row]).pred_original_sample
        level = step.alphas_cumprod[timestep[row]]
        expected = (latents[row] - level.sqrt() * clean) / (1 - level).sqrt()
        torch.testing.assert_close(ours[row], expected, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_inpainting_sees_mask_and_masked_image(inpainting: TextToImagePrior) -> None:
    assert inpainting.inpainting
    assert inpainting.latent_channels == 4
    latents, timestep = noisy()
    states = inpainting.empty_context(2)
    surroundings = noisy(3)[0]
    region = torch.zeros(2, 1, 8, 8)
    region[:, :, 2:5, 2:6] = 1
    region[:, :, 5, 2:6] = 0.25
    hole = (region > 0).float()
    grey = inpainting.encode(torch.zeros(1, 3, 32, 32))
    # The order of diffusers' inpainting pipeline: latents, mask, masked image.
    stacked = torch.cat([latents, hole, surroundings], dim=1)
    expected = inpainting.unet(stacked, timestep, states).sample
    ours = inpainting.predict_noise(
        latents, timestep, states, surroundings=surroundings, region=region
    )
    torch.testing.assert_close(ours, expected)
    blank = torch.cat([latents, torch.ones_like(hole), grey.expand(2, -1, -1, -1)], dim=1)
    torch.testing.assert_close(
        inpainting.predict_noise(latents, timestep, states),
        inpainting.unet(blank, timestep, states).sample,
    )


@torch.no_grad()
def test_surroundings_are_those_of_an_image_with_a_grey_hole(inpainting: TextToImagePrior) -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
    region = torch.zeros(2, 1, 32, 32)
    region[0, :, 5:12, 6:9] = 1
    region[1, :, 20:30, 3] = 0.5
    masked = images.clone()
    masked[0, :, 5:12, 6:9] = 0
    masked[1, :, 20:30, 3] = 0
    latents = inpainting.encode(images)
    seen = inpainting.surroundings_of(images, latents, region)
    torch.testing.assert_close(seen, inpainting.encode(masked))
    # What lies in the hole cannot be told from what is shown.
    other = torch.where(region > 0, -images, images)
    again = inpainting.surroundings_of(other, inpainting.encode(other), region)
    torch.testing.assert_close(again, seen)


@torch.no_grad()
@pytest.mark.parametrize("channels", [4, 9])
def test_a_single_file_is_the_same_model_as_its_folder(tmp_path: Path, channels: int) -> None:
    folder = tmp_path / "sd"
    pipeline = small_models.stable_diffusion(folder, in_channels=channels)
    small_models.single_file(pipeline, folder / "one.safetensors")
    whole = load_stable_diffusion(folder)
    single = load_stable_diffusion_file(folder / "one.safetensors", image_size=32)
    assert single.fingerprint == whole.fingerprint
    latents, timestep = noisy()
    tokens = whole.word_tokens("scratch").expand(2, -1, -1)
    torch.testing.assert_close(single.context(tokens), whole.context(tokens))
    torch.testing.assert_close(
        single.predict_noise(latents, timestep, whole.context(tokens)),
        whole.predict_noise(latents, timestep, whole.context(tokens)),
    )
    images = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(single.encode(images), whole.encode(images))
    torch.testing.assert_close(single.decode(latents), whole.decode(latents))
    torch.testing.assert_close(single.alphas_cumprod, whole.alphas_cumprod)
    # The original's latents are 64 x 64 unless another size is asked for.
    assert load_stable_diffusion_file(folder / "one.safetensors").image_size == 64 * 4


def test_other_weights_have_another_fingerprint(
    prior: TextToImagePrior, inpainting: TextToImagePrior, folder: Path, tmp_path: Path
) -> None:
    assert load_stable_diffusion(folder).fingerprint == prior.fingerprint
    assert inpainting.fingerprint != prior.fingerprint
    small_models.stable_diffusion(tmp_path / "sd")
    weights = tmp_path / "sd" / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    name = next(key for key in tensors if key.endswith("final_layer_norm.bias"))
    tensors[name][3] += 1e-3
    save_file(tensors, weights, {"format": "pt"})
    assert load_stable_diffusion(tmp_path / "sd").fingerprint != prior.fingerprint


def test_incomplete_and_foreign_single_files_are_named(pipeline: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    small_models.single_file(pipeline, path)
    tensors = load_file(path)
    parts = {
        "autoencoder": "first_stage_model.",
        "text encoder": "cond_stage_model.",
        "UNet": "model.diffusion_model.",
    }
    for part, prefix in parts.items():
        rest = {key: value for key, value in tensors.items() if not key.startswith(prefix)}
        save_file(rest, path)
        with pytest.raises(InputError, match=f"has no {part}"):
            load_stable_diffusion_file(path)
    save_file(tensors | {"conditioner.embedders.0.x": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="2 or XL"):
        load_stable_diffusion_file(path)
    lost = dict(tensors)
    del lost["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    save_file(lost, path)
    with pytest.raises(InputError, match="not those of Stable Diffusion"):
        load_stable_diffusion_file(path)
    path.write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(InputError, match="not a readable"):
        load_stable_diffusion_file(path)


def test_a_single_file_may_say_that_it_predicts_velocity(pipeline: Any, folder: Path) -> None:
    path = folder / "velocity.safetensors"
    small_models.single_file(pipeline, path, {"v_pred": torch.zeros(0)})
    assert load_stable_diffusion_file(path, image_size=32).prediction == "v_prediction"


def test_damaged_folders_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "sd"
    small_models.stable_diffusion(folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    # Never filled in with random numbers, as diffusers would do with a mere warning.
    save_file({k: v for k, v in tensors.items() if k != "conv_in.bias"}, weights)
    with pytest.raises(InputError, match=r"1 weights are missing, such as conv_in\.bias"):
        load_stable_diffusion(folder)
    weights.write_bytes(b"no weights")
    with pytest.raises(InputError, match="damaged"):
        load_stable_diffusion(folder)
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(InputError, match=r"pickled.*save_pretrained"):
        load_stable_diffusion(folder)


def test_image_sizes_that_the_model_cannot_draw_are_refused(folder: Path) -> None:
    assert load_stable_diffusion(folder, image_size=48).latent_size == 12
    with pytest.raises(InputError, match="multiple of 8"):
        load_stable_diffusion(folder, image_size=36)
