"""Small models with random weights, written in the formats of the large ones."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MERGES = ["d e", "de f", "c t</w>", "e ct</w>", "def ect</w>"]
"""CLIP's byte-pair merges that spell ``defect`` with one token and no other long word."""

BERT_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "photo", "of", "defect"]
BERT_PIECES = ["scra", "##tch"]

SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def unet(*, in_channels: int = 4, width: int = 32) -> UNet2DConditionModel:
    """Two levels, 32 and 64 channels: the shape of the large ones, with less of everything."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=8,
    )


def autoencoder() -> AutoencoderKL:
    """Three levels: a factor of 4."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 32, 64),
        layers_per_block=1,
        latent_channels=4,
    )


def write_clip_tokenizer(folder: Path) -> None:
    """Letters, five merges, start and end."""
    folder.mkdir(parents=True)
    merged = [merge.replace(" ", "") for merge in MERGES]
    words = [*LETTERS, *(letter + "</w>" for letter in LETTERS), *merged]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")


def stable_diffusion(folder: Path, *, in_channels: int = 4, **scheduler: Any) -> Any:
    """Write a folder with diffusers' own pipeline, and return the pipeline."""
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    write_clip_tokenizer(folder / "raw")
    tokenizer = CLIPTokenizer.from_pretrained(str(folder / "raw"), model_max_length=77)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=1,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    pipeline = StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=text.eval(),
        tokenizer=tokenizer,
        unet=unet(in_channels=in_channels),
        scheduler=DDIMScheduler(**SCHEDULER, **scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return pipeline


def ldm_text2img(folder: Path) -> Any:
    """Write a folder with diffusers' own pipeline, and return the pipeline."""
    from diffusers import LDMTextToImagePipeline
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import (
        LDMBertConfig,
        LDMBertModel,
    )
    from transformers import BertTokenizer

    torch.manual_seed(1)
    raw = folder / "raw"
    raw.mkdir(parents=True)
    (raw / "vocab.txt").write_text("\n".join([*BERT_WORDS, *BERT_PIECES]) + "\n")
    tokenizer = BertTokenizer.from_pretrained(str(raw))
    bert = LDMBertModel(
        LDMBertConfig(
            vocab_size=len(tokenizer),
            encoder_layers=2,
            encoder_ffn_dim=48,
            encoder_attention_heads=2,
            head_dim=8,
            d_model=40,
        )
    )
    pipeline = LDMTextToImagePipeline(
        vqvae=autoencoder(),
        bert=bert.eval(),
        tokenizer=tokenizer,
        unet=unet(width=40),
        scheduler=DDIMScheduler(**SCHEDULER),
    )
    pipeline.save_pretrained(folder)
    return pipeline


def single_file(pipeline: Any, path: Path, extra: dict[str, Tensor] | None = None) -> None:
    """Write a pipeline's networks under the names of the original Stable Diffusion code."""
    tensors = {
        f"model.diffusion_model.{_original_unet_name(key)}": value
        for key, value in pipeline.unet.state_dict().items()
    }
    for key, value in pipeline.vae.state_dict().items():
        name = _original_autoencoder_name(key)
        # The original attends with convolutions of one pixel.
        conv = ".attn_1." in name and name.endswith("weight") and ".norm." not in name
        tensors[f"first_stage_model.{name}"] = value[:, :, None, None] if conv else value
    for key, value in pipeline.text_encoder.state_dict().items():
        name = f"text_model.{key.removeprefix('text_model.')}"
        tensors[f"cond_stage_model.transformer.{name}"] = value
    positions = torch.arange(77)[None]
    tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = positions
    tensors |= extra or {}
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)


def _original_unet_name(key: str) -> str:
    """For two levels of one residual block each."""
    for new, old in {
        "conv_in.": "input_blocks.0.0.",
        "time_embedding.linear_1.": "time_embed.0.",
        "time_embedding.linear_2.": "time_embed.2.",
        "conv_norm_out.": "out.0.",
        "conv_out.": "out.2.",
        "down_blocks.0.resnets.0.": "input_blocks.1.0.",
        "down_blocks.0.attentions.0.": "input_blocks.1.1.",
        "down_blocks.0.downsamplers.0.conv.": "input_blocks.2.0.op.",
        "down_blocks.1.resnets.0.": "input_blocks.3.0.",
        "mid_block.resnets.0.": "middle_block.0.",
        "mid_block.attentions.0.": "middle_block.1.",
        "mid_block.resnets.1.": "middle_block.2.",
        "up_blocks.0.resnets.0.": "output_blocks.0.0.",
        "up_blocks.0.resnets.1.": "output_blocks.1.0.",
        "up_blocks.0.upsamplers.0.conv.": "output_blocks.1.1.conv.",
        "up_blocks.1.resnets.0.": "output_blocks.2.0.",
        "up_blocks.1.attentions.0.": "output_blocks.2.1.",
        "up_blocks.1.resnets.1.": "output_blocks.3.0.",
        "up_blocks.1.attentions.1.": "output_blocks.3.1.",
    }.items():
        if key.startswith(new):
            key = old + key.removeprefix(new)
            break
    if ".transformer_blocks." in key:
        return key
    for new, old in {
        ".0.norm1.": ".0.in_layers.0.",
        ".0.conv1.": ".0.in_layers.2.",
        ".0.norm2.": ".0.out_layers.0.",
        ".0.conv2.": ".0.out_layers.3.",
        ".0.time_emb_proj.": ".0.emb_layers.1.",
        ".0.conv_shortcut.": ".0.skip_connection.",
        "middle_block.2.norm1.": "middle_block.2.in_layers.0.",
        "middle_block.2.conv1.": "middle_block.2.in_layers.2.",
        "middle_block.2.norm2.": "middle_block.2.out_layers.0.",
        "middle_block.2.conv2.": "middle_block.2.out_layers.3.",
        "middle_block.2.time_emb_proj.": "middle_block.2.emb_layers.1.",
    }.items():
        key = key.replace(new, old)
    return key


def _original_autoencoder_name(key: str) -> str:
    """For three levels."""
    for level in range(3):
        key = key.replace(f"decoder.up_blocks.{level}.", f"decoder.up.{2 - level}.")
    for new, old in {
        "encoder.down_blocks.": "encoder.down.",
        "mid_block.resnets.0.": "mid.block_1.",
        "mid_block.resnets.1.": "mid.block_2.",
        "mid_block.attentions.0.": "mid.attn_1.",
        ".resnets.": ".block.",
        "downsamplers.0.conv.": "downsample.conv.",
        "upsamplers.0.conv.": "upsample.conv.",
        "conv_shortcut.": "nin_shortcut.",
        "conv_norm_out.": "norm_out.",
        "attn_1.group_norm.": "attn_1.norm.",
        "attn_1.to_q.": "attn_1.q.",
        "attn_1.to_k.": "attn_1.k.",
        "attn_1.to_v.": "attn_1.v.",
        "attn_1.to_out.0.": "attn_1.proj_out.",
    }.items():
        key = key.replace(new, old)
    return key
