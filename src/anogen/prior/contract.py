"""The contract of a frozen latent diffusion model."""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction"]


class LatentDiffusion(Protocol):
    """A frozen latent diffusion model; samplers never learn which network is behind it.

    Images are float tensors ``(B, 3, S, S)`` in [-1, 1] with ``S = image_size``; latents are
    ``(B, C, s, s)`` scaled to about unit variance; a context is ``(B, L, token_dim)``.
    """

    name: str
    image_size: int
    latent_size: int
    latent_channels: int
    token_dim: int
    inpainting: bool
    """True when ``predict_noise`` also wants the clean surroundings and the region."""
    alphas_cumprod: Tensor
    """``(T,)`` float64: the noise schedule, alpha-bar of each timestep."""
    fingerprint: str
    """Hex hash of the weights."""

    @property
    def device(self) -> torch.device:
        """Where the networks live; methods take tensors from any device, and hand their results
        back there."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """Latents of images (the posterior's mean where the encoder is stochastic)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Images of latents, clamped to [-1, 1]."""
        ...

    def predict_noise(
        self,
        latents: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        surroundings: Tensor | None = None,
        region: Tensor | None = None,
    ) -> Tensor:
        """The noise in ``latents`` (epsilon, whatever the network itself predicts).

        Args:
            latents: noisy latents ``(B, C, s, s)``.
            timestep: ``(B,)`` int64 in [0, T).
            context: ``(B, L, token_dim)`` states for cross-attention.
            surroundings: what :meth:`surroundings_of` gives, or for a prior that knows the word
                ``normal`` the normal's latents as they are; inpainting priors only.
            region: ``(B, 1, s, s)`` in [0, 1], 1 where the defect may be drawn; inpainting
                priors only.
        """
        ...

    def surroundings_of(self, images: Tensor, latents: Tensor, region: Tensor) -> Tensor:
        """Latents of images whose region is hidden, as the inpainting model was trained to see it.

        Args:
            images: ``(B, 3, S, S)`` in [-1, 1].
            latents: of the same images, as :meth:`encode` gives them.
            region: ``(B, 1, S, S)`` in [0, 1], in pixels.
        """
        ...

    def context(self, tokens: Tensor, prompts: str | Sequence[str] = "*") -> Tensor:
        """States for cross-attention from learned tokens ``(B, k, token_dim)``.

        Args:
            tokens: the learned tokens.
            prompts: one text or one for each row, with ``*`` where the tokens go; the tokens
                alone by default. Priors without a text encoder read the tokens alone.
        """
        ...

    def empty_context(self, batch: int) -> Tensor:
        """States for the unconditional branch of classifier-free guidance."""
        ...

    def words(self) -> tuple[str, ...]:
        """Words that :meth:`word_tokens` knows; empty for priors with an open vocabulary."""
        ...

    def word_tokens(self, word: str) -> Tensor:
        """Tokens ``(k, token_dim)`` of a word, to start a concept from.

        Raises:
            InputError: for an unknown word; the sentence lists the known ones.
        """
        ...

    def mean_token(self) -> Tensor:
        """Tokens ``(k, token_dim)``, the mean over all that the prior has: they mean nothing in
        particular."""
        ...
