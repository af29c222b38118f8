"""LDM text2img's format against diffusers' own pipeline and models."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import small_models
import torch

from anogen.errors import InputError
from anogen.prior.ldm_text2img import load_ldm_text2img
from anogen.prior.text_to_image import TextToImagePrior


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder, and the pipeline of diffusers that wrote it."""
    folder = tmp_path_factory.mktemp("models") / "ldm"
    return folder, small_models.ldm_text2img(folder)


@pytest.fixture(scope="module")
def folder(written: tuple[Path, Any]) -> Path:
    return written[0]


@pytest.fixture(scope="module")
def pipeline(written: tuple[Path, Any]) -> Any:
    return written[1]


@pytest.fixture(scope="module")
def prior(folder: Path) -> TextToImagePrior:
    return load_ldm_text2img(folder)


def states_of(pipeline: Any, text: str) -> torch.Tensor:
    """As the pipeline itself encodes its prompt."""
    inputs = pipeline.tokenizer(
        [text], padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    states: torch.Tensor = pipeline.bert(inputs.input_ids, return_dict=True)[0]
    return states


@torch.no_grad()
def test_images_noise_and_schedule_are_those_of_the_pipeline(
    prior: TextToImagePrior, pipeline: Any
) -> None:
    images = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1
    latents = prior.encode(images)
    torch.testing.assert_close(latents, pipeline.vqvae.encode(images).latent_dist.mean * 0.18215)
    decoded = pipeline.vqvae.decode(latents / 0.18215).sample
    torch.testing.assert_close(prior.decode(latents), decoded.clamp(-1, 1))
    timestep = torch.tensor([500])
    states = prior.empty_context(1)
    expected = pipeline.unet(latents, timestep, states).sample
    torch.testing.assert_close(prior.predict_noise(latents, timestep, states), expected)
    torch.testing.assert_close(
        prior.alphas_cumprod.float(), pipeline.scheduler.alphas_cumprod, rtol=1e-5, atol=0
    )
    assert not prior.inpainting
    assert prior.words() == ()


@torch.no_grad()
@pytest.mark.parametrize(("word", "count"), [("defect", 1), ("scratch", 2)])
def test_tokens_of_a_word_in_a_prompt_are_that_word(
    prior: TextToImagePrior, pipeline: Any, word: str, count: int
) -> None:
    tokens = prior.word_tokens(word)
    assert tokens.shape == (count, 40)
    ours = prior.context(tokens[None], "a photo of a *")
    assert ours.shape == (1, 77, 40)
    torch.testing.assert_close(ours, states_of(pipeline, f"a photo of a {word}"))
    torch.testing.assert_close(prior.context(tokens[None]), states_of(pipeline, word))
    torch.testing.assert_close(prior.empty_context(1), states_of(pipeline, ""))


def test_tokens_learn_through_the_text_transformer(prior: TextToImagePrior) -> None:
    tokens = prior.word_tokens("defect")[None].clone().requires_grad_()
    prior.context(tokens).square().mean().backward()
    assert tokens.grad is not None
    assert (tokens.grad != 0).all()
    assert all(parameter.grad is None for parameter in prior.parameters())


def test_words_beyond_the_vocabulary_are_refused(prior: TextToImagePrior) -> None:
    with pytest.raises(InputError, match="cannot spell 'zigzag'"):
        prior.word_tokens("zigzag")


def test_the_mean_token_is_the_mean_of_the_table(prior: TextToImagePrior, pipeline: Any) -> None:
    table = pipeline.bert.model.embed_tokens.weight.detach()
    torch.testing.assert_close(prior.mean_token(), table.sum(dim=0, keepdim=True) / len(table))


def test_missing_parts_are_named(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ldm"
    shutil.copytree(folder, copy)
    (copy / "bert" / "model.safetensors").rename(copy / "bert" / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"bert/model\.safetensors: .*pickled"):
        load_ldm_text2img(copy)
    (copy / "bert" / "pytorch_model.bin").rename(copy / "bert" / "model.safetensors")
    (copy / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="no tokenizer there"):
        load_ldm_text2img(copy)
    (copy / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(InputError, match="scheduler_config"):
        load_ldm_text2img(copy)
