"""Stable Diffusion 1.x and its inpainting variant, from a folder or from a single file.

Rombach et al. 2022 with CLIP's text encoder (768 wide, 77 tokens). Folders of Stable Diffusion 2
have the same parts and load as well.
"""

from pathlib import Path
from typing import Any

from anogen.errors import InputError
from anogen.prior.diffusers_folder import (
    SCHEDULER,
    UNET,
    has_tokenizer,
    load_part,
    load_tokenizer,
    noise_schedule,
    read_noise_schedule,
    require_files,
)
from anogen.prior.text_encoding import TextEncoder, require_transformers
from anogen.prior.text_to_image import TextToImagePrior

FILES = (
    UNET,
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    SCHEDULER,
)
"""What must be in a folder, besides configurations."""

TOKENIZER_FILES = ("vocab.json", "merges.txt")

NAME = "stable-diffusion"


def load_stable_diffusion(
    folder: Path, *, image_size: int | None = None, device: str = "cpu"
) -> TextToImagePrior:
    """Load a folder that diffusers' ``StableDiffusionPipeline`` wrote, frozen, float32.

    Args:
        folder: with ``unet``, ``vae``, ``text_encoder``, ``tokenizer`` and ``scheduler``; a UNet
            of nine channels makes it an inpainting prior.
        image_size: side of the images; the model's own (512) by default.
        device: where the networks live.

    Raises:
        InputError: if a part is missing, pickled, damaged, or ``transformers`` is not installed.
    """
    require_transformers()
    if (folder / "text_encoder_2").is_dir():
        raise InputError(
            f"{folder}: Stable Diffusion XL has two text encoders and is not supported; use a "
            "Stable Diffusion 1.x model."
        )
    require_files(folder, FILES)
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    transformer = load_part(CLIPTextModel, folder, "text_encoder")
    alphas_cumprod, prediction = read_noise_schedule(folder)
    return TextToImagePrior(
        name=NAME,
        unet=load_part(UNet2DConditionModel, folder, "unet"),
        autoencoder=load_part(AutoencoderKL, folder, "vae"),
        text=_text(transformer, load_tokenizer(CLIPTokenizer, folder, TOKENIZER_FILES)),
        alphas_cumprod=alphas_cumprod,
        prediction=prediction,
        image_size=image_size,
    ).to(device)


def load_stable_diffusion_file(
    path: Path, *, image_size: int | None = None, device: str = "cpu"
) -> TextToImagePrior:
    """Load a single ``.safetensors`` file in the layout of the original code, frozen, float32.

    The file has no tokenizer: CLIP's ``vocab.json`` and ``merges.txt`` are read from a folder
    ``tokenizer`` beside the file, else from the Hugging Face hub or its cache.

    Args:
        path: the file.
        image_size: side of the images; 512 (latents of 64) by default.
        device: where the networks live.

    Raises:
        InputError: if the file is damaged, not Stable Diffusion 1.x, incomplete, or the tokenizer
            cannot be found.
    """
    require_transformers()
    from transformers import CLIPTokenizer

    from anogen.prior.hub import fetch
    from anogen.prior.stable_diffusion_file import SCHEDULE, TOKENIZER_ID, read_single_file

    parts = read_single_file(path)
    beside = path.parent / "tokenizer"
    if has_tokenizer(beside, TOKENIZER_FILES):
        tokenizer = load_tokenizer(CLIPTokenizer, path.parent, TOKENIZER_FILES)
    else:
        fetched = fetch(
            TOKENIZER_ID,
            TOKENIZER_FILES,
            what=f"CLIP's tokenizer ({TOKENIZER_ID}), which a single file lacks,",
            instead=f"put its vocab.json and merges.txt into {beside}",
        )
        tokenizer = load_tokenizer(CLIPTokenizer, fetched, TOKENIZER_FILES, part="")
    alphas_cumprod, prediction = noise_schedule(
        SCHEDULE | {"prediction_type": parts.prediction}, str(path)
    )
    return TextToImagePrior(
        name=NAME,
        unet=parts.unet,
        autoencoder=parts.autoencoder,
        text=_text(parts.text, tokenizer),
        alphas_cumprod=alphas_cumprod,
        prediction=prediction,
        image_size=image_size,
    ).to(device)


def _text(transformer: Any, tokenizer: Any) -> TextEncoder:
    length = transformer.config.max_position_embeddings
    return TextEncoder(transformer=transformer, tokenizer=tokenizer, length=length)
