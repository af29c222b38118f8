"""What Stable Diffusion and LDM text2img share: UNet, KL autoencoder and text encoder as a prior.

Rombach et al., "High-resolution image synthesis with latent diffusion models", CVPR 2022. AnoGen's
paper names Stable Diffusion's sizes, its released code runs LDM text2img; both are this class.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from anogen.errors import InputError
from anogen.prior.contract import Prediction
from anogen.prior.fingerprint import fingerprint_of_modules
from anogen.prior.text_encoding import PLACEHOLDER, TextEncoder


class TextToImagePrior(nn.Module):
    """A latent diffusion model with a text encoder behind the ``LatentDiffusion`` contract.

    The networks may live on a GPU: every method takes tensors from any device and hands its result
    back on that of its first argument, so that samplers need not know. Latents and states are
    small beside the work of the networks.

    Args:
        name: what kind of model this is.
        unet: denoiser; 4 latent channels in, or 9 with mask and masked image (inpainting).
        autoencoder: KL autoencoder.
        text: text encoder.
        alphas_cumprod: ``(T,)`` float64.
        prediction: what the UNet predicts.
        image_size: side of the images; the UNet's own by default.

    Raises:
        InputError: if the parts do not fit together, or not this image size.
    """

    def __init__(
        self,
        *,
        name: str,
        unet: Any,
        autoencoder: Any,
        text: TextEncoder,
        alphas_cumprod: Tensor,
        prediction: Prediction,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.unet = unet
        self.autoencoder = autoencoder
        self.text = text
        self.alphas_cumprod = alphas_cumprod
        self.prediction = prediction
        self.token_dim: int = text.table.shape[1]
        self.latent_channels: int = autoencoder.config.latent_channels
        self.inpainting = unet.config.in_channels == 2 * self.latent_channels + 1
        if not self.inpainting and unet.config.in_channels != self.latent_channels:
            raise InputError(
                f"the UNet takes {unet.config.in_channels} channels; use a text-to-image model "
                f"({self.latent_channels}) or an inpainting model ({2 * self.latent_channels + 1})."
            )
        if unet.config.cross_attention_dim != self.token_dim:
            raise InputError(
                f"the UNet reads states of width {unet.config.cross_attention_dim}, the text "
                f"encoder writes {self.token_dim}; use the parts of one model."
            )
        factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)
        self.image_size = unet.config.sample_size * factor if image_size is None else image_size
        step = factor * 2 ** (len(unet.config.block_out_channels) - 1)
        if self.image_size < step or self.image_size % step:
            raise InputError(
                f"image size {self.image_size}: this model needs a multiple of {step} pixels."
            )
        self.latent_size = self.image_size // factor
        self.requires_grad_(False)
        self.eval()
        self.fingerprint = fingerprint_of_modules([unet, autoencoder, text.transformer])
        self._grey: Tensor | None = None

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        device: torch.device = next(self.unet.parameters()).device
        return device

    def encode(self, images: Tensor) -> Tensor:
        """See ``LatentDiffusion.encode``: the posterior's mean times the scaling factor."""
        posterior = self.autoencoder.encode(images.to(self.device)).latent_dist
        latents: Tensor = posterior.mean * self.autoencoder.config.scaling_factor
        return latents.to(images.device)

    def decode(self, latents: Tensor) -> Tensor:
        """See ``LatentDiffusion.decode``."""
        scaled = latents.to(self.device) / self.autoencoder.config.scaling_factor
        images: Tensor = self.autoencoder.decode(scaled).sample
        return images.clamp(-1, 1).to(latents.device)

    def predict_noise(
        self,
        latents: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        surroundings: Tensor | None = None,
        region: Tensor | None = None,
    ) -> Tensor:
        """See ``LatentDiffusion.predict_noise``; of an inpainting model everything is to be drawn
        by default."""
        noisy = latents.to(self.device)
        inputs = self._with_surroundings(noisy, surroundings, region) if self.inpainting else noisy
        output: Tensor = self.unet(
            inputs, timestep.to(self.device), context.to(self.device, noisy.dtype)
        ).sample
        if self.prediction == "v_prediction":
            # v = sqrt(ab) eps - sqrt(1 - ab) z0 (Salimans and Ho 2022), solved for eps.
            level = self.alphas_cumprod[timestep.cpu()].to(noisy).view(-1, 1, 1, 1)
            output = level.sqrt() * output + (1 - level).sqrt() * noisy
        return output.to(latents.device)

    def surroundings_of(self, images: Tensor, latents: Tensor, region: Tensor) -> Tensor:  # noqa: ARG002
        """See ``LatentDiffusion.surroundings_of``: the latents of images with a grey hole, as
        Stable Diffusion's inpainting model was trained."""
        return self.encode(images * (region <= 0))

    def context(self, tokens: Tensor, prompts: str | Sequence[str] = PLACEHOLDER) -> Tensor:
        """States ``(B, 77, width)`` of learned tokens in a prompt.

        Args:
            tokens: ``(B, k, token_dim)``.
            prompts: one text or one for each row, with ``*`` where the tokens go; the bare tokens
                by default, as AnoGen's released code samples.

        Raises:
            InputError: for a prompt without a single ``*``, or too many tokens.
        """
        each = [prompts] * len(tokens) if isinstance(prompts, str) else prompts
        return self.text.states_with(tokens, each).to(tokens.device)

    def empty_context(self, batch: int) -> Tensor:
        """See ``LatentDiffusion.empty_context``: the states of the empty text."""
        return self.text.states("").expand(batch, -1, -1).cpu()

    def words(self) -> tuple[str, ...]:
        """None: the vocabulary is open."""
        return ()

    def word_tokens(self, word: str) -> Tensor:
        """See ``LatentDiffusion.word_tokens``: the word's rows of the token table."""
        return self.text.word_tokens(word)

    def mean_token(self) -> Tensor:
        """See ``LatentDiffusion.mean_token``: ``(1, token_dim)``, the token table's mean."""
        return self.text.mean_token()

    def _with_surroundings(
        self, noisy: Tensor, surroundings: Tensor | None, region: Tensor | None
    ) -> Tensor:
        """Noisy latents, mask and masked image: the nine channels of an inpainting model.

        It was trained with a mask of zeros and ones, so every cell that the region touches is one.
        """
        if region is None or surroundings is None:
            hole = torch.ones_like(noisy[:, :1])
            known = self._latents_of_grey().to(noisy)
        else:
            hole, known = (region > 0).to(noisy), surroundings.to(noisy)
        return torch.cat([noisy, hole, known.expand_as(noisy)], dim=1)

    @torch.no_grad()
    def _latents_of_grey(self) -> Tensor:
        """Latents ``(1, C, s, s)`` of an image of zeros; worked out once."""
        if self._grey is None:
            side = self.image_size
            self._grey = self.encode(torch.zeros(1, 3, side, side, device=self.device))
        return self._grey
