"""Single files of Stable Diffusion 1.x in the layout of the original code (CompVis, runwayml).

The file holds weights only. The networks' shapes are read off the tensors, so no configuration is
needed and none is fetched; what tensors cannot tell (heads, groups, activation, schedule) is the
same in every Stable Diffusion 1.x.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from anogen.errors import InputError
from anogen.prior.contract import Prediction

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
"""Noise schedule of every Stable Diffusion 1.x (configs/stable-diffusion/v1-inference.yaml)."""

TOKENIZER_ID = "openai/clip-vit-large-patch14"
"""Where Stable Diffusion's tokenizer comes from."""

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
TEXT = "cond_stage_model.transformer."
LATENT_SIZE = 64


@dataclass(frozen=True)
class Parts:
    """The networks of a single file, float32, and what the UNet predicts."""

    unet: Any
    autoencoder: Any
    text: Any
    prediction: Prediction


def read_single_file(path: Path) -> Parts:
    """Read all networks of a file.

    Raises:
        InputError: if the file is damaged, incomplete, or no Stable Diffusion 1.x.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable .safetensors file; fetch it again.") from error
    if any(key.startswith(("conditioner.", "cond_stage_model.model.")) for key in tensors):
        raise InputError(
            f"{path}: Stable Diffusion 2 or XL; use a Stable Diffusion 1.x file, or for "
            "version 2 a diffusers folder."
        )
    for prefix, part in ((UNET, "UNet"), (AUTOENCODER, "autoencoder"), (TEXT, "text encoder")):
        if not any(key.startswith(prefix) for key in tensors):
            raise InputError(
                f"{path}: has no {part} (no tensor {prefix}...); give a complete Stable "
                "Diffusion 1.x checkpoint or a diffusers folder."
            )
    try:
        return Parts(
            unet=_unet(tensors),
            autoencoder=_autoencoder(tensors),
            text=_text(tensors),
            # The mark that trainers leave in files of velocity-predicting models.
            prediction="v_prediction" if "v_pred" in tensors else "epsilon",
        )
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: its tensors are not those of Stable Diffusion 1.x ({reason}); give another "
            "file or a diffusers folder."
        ) from error


def unet_config(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Configuration of ``UNet2DConditionModel``, read off the original tensors."""
    first = tensors[f"{UNET}input_blocks.0.0.weight"]
    blocks = _count(tensors, f"{UNET}input_blocks.")
    halvings = [n for n in range(blocks) if f"{UNET}input_blocks.{n}.0.op.weight" in tensors]
    # Each level is `layers` residual blocks and a halving; the last has no halving.
    layers = halvings[0] - 1
    starts = [1 + level * (layers + 1) for level in range(len(halvings) + 1)]
    attends = [f"{UNET}input_blocks.{start}.1.proj_in.weight" in tensors for start in starts]
    attention = f"{UNET}middle_block.1."
    return {
        "sample_size": LATENT_SIZE,
        "in_channels": first.shape[1],
        "out_channels": tensors[f"{UNET}out.2.weight"].shape[0],
        "block_out_channels": tuple(
            tensors[f"{UNET}input_blocks.{start}.0.out_layers.3.weight"].shape[0]
            for start in starts
        ),
        "layers_per_block": layers,
        "down_block_types": tuple(
            "CrossAttnDownBlock2D" if here else "DownBlock2D" for here in attends
        ),
        "up_block_types": tuple(
            "CrossAttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attends)
        ),
        "cross_attention_dim": tensors[f"{attention}transformer_blocks.0.attn2.to_k.weight"].shape[
            1
        ],
        # diffusers' argument of this name is the number of heads.
        "attention_head_dim": 8,
        "use_linear_projection": tensors[f"{attention}proj_in.weight"].ndim == 2,
    }


def autoencoder_config(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Configuration of ``AutoencoderKL``, read off the original tensors."""
    down = f"{AUTOENCODER}encoder.down."
    levels = _count(tensors, down)
    latent_channels = tensors[f"{AUTOENCODER}post_quant_conv.weight"].shape[0]
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": tuple(
            tensors[f"{down}{level}.block.0.conv2.weight"].shape[0] for level in range(levels)
        ),
        "layers_per_block": _count(tensors, f"{down}0.block."),
        "latent_channels": latent_channels,
        "scaling_factor": 0.18215,
    }


def _unet(tensors: dict[str, Tensor]) -> Any:
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    config = unet_config(tensors)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    converted = convert_ldm_unet_checkpoint(tensors, config)
    unet.load_state_dict(_float(converted), assign=True)
    return unet


def _autoencoder(tensors: dict[str, Tensor]) -> Any:
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    config = autoencoder_config(tensors)
    with torch.device("meta"):
        autoencoder = AutoencoderKL(**config)
    converted = convert_ldm_vae_checkpoint(tensors, config)
    autoencoder.load_state_dict(_float(converted), assign=True)
    return autoencoder


def _text(tensors: dict[str, Tensor]) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    text = {
        key.removeprefix(TEXT): value
        for key, value in tensors.items()
        if key.startswith(TEXT) and not key.endswith("position_ids")
    }
    inner = "text_model."
    table = text[f"{inner}embeddings.token_embedding.weight"]
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=table.shape[0],
            hidden_size=table.shape[1],
            intermediate_size=text[f"{inner}encoder.layers.0.mlp.fc1.weight"].shape[0],
            num_hidden_layers=_count(text, f"{inner}encoder.layers."),
            num_attention_heads=max(1, table.shape[1] // 64),
            max_position_embeddings=text[f"{inner}embeddings.position_embedding.weight"].shape[0],
            hidden_act="quick_gelu",
            bos_token_id=table.shape[0] - 2,
            eos_token_id=table.shape[0] - 1,
        )
    )
    # Older versions of transformers wrap the same layers in `text_model`.
    if not hasattr(model, "text_model"):
        text = {key.removeprefix(inner): value for key, value in text.items()}
    model.load_state_dict(_float(text), assign=True)
    return model


def _float(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.float() for key, value in tensors.items()}


def _count(tensors: dict[str, Tensor], prefix: str) -> int:
    """How many numbers follow a prefix."""
    found = {key[len(prefix) :].split(".")[0] for key in tensors if key.startswith(prefix)}
    return len({number for number in found if number.isdigit()})
