"""The prior that ships in the package: small, of the inpainting kind, at home on a CPU."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from anogen.errors import InputError
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.precision import matrix_precision, matrix_units
from anogen.prior.vocabulary import Vocabulary

WEIGHTS = Path(__file__).parent / "weights" / "embedded.safetensors"
"""Autoencoder, denoiser and vocabulary in half precision."""

TIMESTEPS = 1000

TOUCHED = 0.02
"""Share of a cell from which a region that is no box touches it, as in training."""

NO_SHARE = 1e-3
"""Share of a cell that is none, and less than one by which a cell is whole."""


def cosine_schedule(timesteps: int = TIMESTEPS) -> Tensor:
    """Alpha-bar ``(T,)`` of the cosine schedule (Nichol and Dhariwal 2021, Eq. 17), float64."""
    steps = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    level = torch.cos((steps + 0.008) / 1.008 * torch.pi / 2) ** 2
    betas = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, dim=0)


def _seen_region(cells: Tensor) -> Tensor:
    """A region as the denoiser was trained to see it: the share of each cell that a box has, and
    for any other shape every cell that it touches.

    Args:
        cells: ``(B, 1, s, s)`` in [0, 1]: the share of each cell in the region.
    """
    rows, columns = cells.amax(dim=3, keepdim=True), cells.amax(dim=2, keepdim=True)
    fullest = cells.amax(dim=(2, 3), keepdim=True)
    # Of a box, and of nothing else, a cell's share is that of its row times that of its column.
    box = (rows * columns - cells * fullest).abs().amax(dim=(2, 3), keepdim=True) < NO_SHARE
    shares = torch.where(cells > 1 - NO_SHARE, 1.0, cells)  # resizing leaves 0.9999999
    return torch.where(box, shares, (cells > TOUCHED).to(cells.dtype))


def make_denoiser(config: dict[str, Any]) -> UNet2DConditionModel:
    """The denoising network: noisy latents, clean surroundings and region in, velocity out."""
    widths = tuple(config["widths"])
    attention = tuple(config["attention"])
    channels = config["latent_channels"]
    return UNet2DConditionModel(
        sample_size=config["latent_size"],
        in_channels=2 * channels + 1,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=config["depth"],
        down_block_types=tuple(
            "CrossAttnDownBlock2D" if here else "DownBlock2D" for here in attention
        ),
        up_block_types=tuple(
            "CrossAttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attention)
        ),
        cross_attention_dim=config["token_dim"],
        # diffusers' argument of this name is the number of heads: about 32 channels each.
        attention_head_dim=tuple(max(1, width // 32) for width in widths),
        norm_num_groups=16,
    )


class EmbeddedPrior(nn.Module):
    """The embedded latent diffusion model behind the ``LatentDiffusion`` contract.

    Its denoiser predicts the velocity (Salimans and Ho 2022) and sees, beside the noisy latents,
    the clean latents of the normal window and the region. The caller may blank the region of the
    normal (the defect is then drawn from its surroundings alone, as in AnoGen) or leave it in
    (the defect is then drawn on that very surface); it was trained on both.
    """

    name = "embedded"
    inpainting = True

    def __init__(
        self,
        *,
        autoencoder: SurfaceAutoencoder,
        denoiser: UNet2DConditionModel,
        vocabulary: Vocabulary,
        config: dict[str, Any],
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.denoiser = denoiser
        self.vocabulary = vocabulary
        self.config = config
        self.image_size: int = config["image_size"]
        self.latent_size: int = config["latent_size"]
        self.latent_channels: int = config["latent_channels"]
        self.token_dim: int = config["token_dim"]
        self.alphas_cumprod = cosine_schedule()
        self.fingerprint = ""

    @property
    def device(self) -> torch.device:
        """See ``LatentDiffusion.device``; the processor, as nothing moves this prior."""
        return self.vocabulary.table.device

    def encode(self, images: Tensor) -> Tensor:
        """See ``LatentDiffusion.encode``."""
        with matrix_precision():
            return self.autoencoder.encode(images).float()

    def decode(self, latents: Tensor) -> Tensor:
        """See ``LatentDiffusion.decode``."""
        with matrix_precision():
            return self.autoencoder.decode(latents).float().clamp(-1, 1)

    def surroundings_of(self, images: Tensor, latents: Tensor, region: Tensor) -> Tensor:  # noqa: ARG002
        """See ``LatentDiffusion.surroundings_of``: latents, less where the region has its share."""
        cells = nn.functional.avg_pool2d(region, self.image_size // self.latent_size)
        return latents * (1 - _seen_region(cells))

    def predict_velocity(
        self,
        latents: Tensor,
        timestep: Tensor,
        context: Tensor,
        surroundings: Tensor,
        region: Tensor,
    ) -> Tensor:
        """The velocity ``v = sqrt(ab) eps - sqrt(1 - ab) z0``, shape of ``latents``.

        Where the normal is visible, ``z0`` is expected near it, so the network only has to say what
        differs (the preconditioning of Karras et al. 2022, section 5, about the normal instead of
        about zero): the best linear guess from the noisy latents is added to its output, which is
        scaled to the spread that this guess leaves. With a blank cell both vanish into plain
        velocity prediction.
        """
        level = self.alphas_cumprod.to(latents.device)[timestep].to(latents.dtype)
        level = level.view(-1, 1, 1, 1)
        blank = (surroundings == 0).all(dim=1, keepdim=True)
        variance = torch.where(blank, 1.0, self.config["defect_variance"]).to(latents.dtype)
        spread = variance * level + 1 - level
        offset = latents - level.sqrt() * surroundings
        guess = (level * (1 - level)).sqrt() * (1 - variance) / spread * offset
        stacked = torch.cat([offset / spread.sqrt(), surroundings, region], dim=1)
        if next(self.denoiser.parameters()).is_contiguous(memory_format=torch.channels_last):
            stacked = stacked.contiguous(memory_format=torch.channels_last)
        with matrix_precision():
            residual: Tensor = self.denoiser(stacked, timestep, context).sample.float()
        scale = (variance / spread).sqrt()
        return scale * residual + guess - (1 - level).sqrt() * surroundings

    def predict_noise(
        self,
        latents: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        surroundings: Tensor | None = None,
        region: Tensor | None = None,
    ) -> Tensor:
        """See ``LatentDiffusion.predict_noise``; nothing is known by default."""
        if surroundings is None:
            surroundings = torch.zeros_like(latents)
        if region is None:
            region = torch.ones_like(latents[:, :1])
        velocity = self.predict_velocity(
            latents, timestep, context, surroundings, _seen_region(region)
        )
        level = self.alphas_cumprod.to(latents.device)[timestep].to(latents.dtype)
        level = level.view(-1, 1, 1, 1)
        return level.sqrt() * velocity + (1 - level).sqrt() * latents

    def context(self, tokens: Tensor, prompts: str | Sequence[str] = "*") -> Tensor:  # noqa: ARG002
        """Tokens are the context: there is no text encoder, so prompts are not read.

        Raises:
            InputError: if the tokens' width is not ``token_dim``.
        """
        if tokens.shape[-1] != self.token_dim:
            raise InputError(
                f"tokens of width {tokens.shape[-1]} do not speak to the prior {self.name}, whose "
                f"width is {self.token_dim}; learn the concept again with this prior."
            )
        return tokens

    def empty_context(self, batch: int) -> Tensor:
        """See ``LatentDiffusion.empty_context``."""
        return self.vocabulary.empty.detach().expand(batch, -1, -1)

    def words(self) -> tuple[str, ...]:
        """See ``LatentDiffusion.words``."""
        return self.vocabulary.words

    def word_tokens(self, word: str) -> Tensor:
        """See ``LatentDiffusion.word_tokens``; ``(4, token_dim)``."""
        return self.vocabulary.table[self.vocabulary.index(word)].detach().clone()

    def mean_token(self) -> Tensor:
        """See ``LatentDiffusion.mean_token``; ``(4, token_dim)``, the mean of the words."""
        return self.vocabulary.table.detach().mean(dim=0)


def build(config: dict[str, Any]) -> EmbeddedPrior:
    """A prior of this shape with fresh weights."""
    return EmbeddedPrior(
        autoencoder=SurfaceAutoencoder(**config["autoencoder"]),
        denoiser=make_denoiser(config),
        vocabulary=Vocabulary(tuple(config["words"]), config["token_dim"]),
        config=config,
    )


def fingerprint_of(tensors: dict[str, Tensor], config: dict[str, Any]) -> str:
    """Hex SHA-256 (16 digits) of the configuration and the weights, in the order of their names."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(
            tensors[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()[:16]


def load_embedded(path: Path | None = None) -> EmbeddedPrior:
    """Load the embedded prior (or one of its kind from ``path``), frozen, float32, in eval mode.

    Raises:
        InputError: if the file is missing, damaged, or not of this kind.
    """
    path = WEIGHTS if path is None else path
    if not path.is_file():
        raise InputError(
            f"{path}: no weights of an embedded prior there; reinstall anogen or give a path."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(path)
    except SafetensorError as error:
        raise InputError(
            f"{path}: damaged, or no safetensors file ({error}); get it anew."
        ) from error
    if "config" not in metadata:
        raise InputError(
            f"{path}: not an embedded prior (its header has no 'config'); give a file that "
            "'anogen prior pretrain' made."
        )
    try:
        with torch.device("meta"):
            prior = build(json.loads(metadata["config"]))
        prior.load_state_dict({k: v.float() for k, v in tensors.items()}, assign=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: its weights do not fit its own header; it was made by another version of "
            "anogen, make it again with 'anogen prior pretrain'."
        ) from error
    prior.alphas_cumprod = cosine_schedule()
    prior.fingerprint = fingerprint_of(tensors, prior.config)
    prior.requires_grad_(False)
    if matrix_units():
        # On maps this small, bfloat16 is fastest channels-first and with unfused attention.
        prior.denoiser.set_attn_processor(AttnProcessor())
    else:
        prior.denoiser.to(memory_format=torch.channels_last)
    return prior.eval()
