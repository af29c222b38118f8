"""LDM text2img-large (``CompVis/ldm-text2im-large-256``), the model AnoGen's released code runs.

Rombach et al. 2022: 256 pixels, 32 x 32 x 4 latents, BERT's vocabulary with a transformer of 32
layers, 1280 wide, over 77 tokens. In diffusers' folder the autoencoder (KL, in spite of the name)
is called ``vqvae`` and the text transformer ``bert``.
"""

from pathlib import Path

from anogen.prior.diffusers_folder import (
    SCHEDULER,
    UNET,
    load_part,
    load_tokenizer,
    read_noise_schedule,
    require_files,
)
from anogen.prior.text_encoding import TextEncoder, require_transformers
from anogen.prior.text_to_image import TextToImagePrior

FILES = (
    UNET,
    "vqvae/diffusion_pytorch_model.safetensors",
    "bert/model.safetensors",
    SCHEDULER,
)
"""What must be in the folder, besides configurations."""


def load_ldm_text2img(
    folder: Path, *, image_size: int | None = None, device: str = "cpu"
) -> TextToImagePrior:
    """Load a folder that diffusers' ``LDMTextToImagePipeline`` wrote, frozen, float32.

    Args:
        folder: with ``unet``, ``vqvae``, ``bert``, ``tokenizer`` and ``scheduler``.
        image_size: side of the images; the model's own (256) by default.
        device: where the networks live.

    Raises:
        InputError: if a part is missing, pickled, damaged, or ``transformers`` is not installed.
    """
    require_transformers()
    require_files(folder, FILES)
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel
    from transformers import BertTokenizer

    bert = load_part(LDMBertModel, folder, "bert")
    alphas_cumprod, prediction = read_noise_schedule(folder)
    return TextToImagePrior(
        name="ldm-text2img",
        unet=load_part(UNet2DConditionModel, folder, "unet"),
        autoencoder=load_part(AutoencoderKL, folder, "vqvae"),
        text=TextEncoder(
            # The encoder alone: the layer back to words on top of it has no use here.
            transformer=bert.model,
            tokenizer=load_tokenizer(BertTokenizer, folder, ("vocab.txt",)),
            length=bert.config.max_position_embeddings,
        ),
        alphas_cumprod=alphas_cumprod,
        prediction=prediction,
        image_size=image_size,
    ).to(device)
