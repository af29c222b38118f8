"""The autoencoder of the embedded prior: 128-pixel windows to 16 x 16 x 16 latents and back.

A small module of our own: pixel-unshuffle takes the first factor 4 for free, the rest are residual
blocks without normalisation, so that a flat window keeps its exact tone.
"""

from typing import Any

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside the identity; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        y: Tensor = self.second(torch.relu(self.first(torch.relu(x))))
        return x + y


def _blocks(channels: int, count: int) -> list[nn.Module]:
    return [ResidualBlock(channels) for _ in range(count)]


class SurfaceAutoencoder(nn.Module):
    """Encodes windows 8 times down to normalised latents, and decodes them.

    Args:
        latent_channels: channels of a latent cell.
        fine: width at a quarter of the window's resolution.
        coarse: width at an eighth.
        full: width of the decoder at half of the resolution.
        depth: residual blocks at each level of the decoder.
    """

    factor = 8

    def __init__(
        self,
        *,
        latent_channels: int = 16,
        fine: int = 96,
        coarse: int = 160,
        full: int = 32,
        depth: int = 3,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "latent_channels": latent_channels,
            "fine": fine,
            "coarse": coarse,
            "full": full,
            "depth": depth,
        }
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, fine, 3, padding=1),
            *_blocks(fine, 2),
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1),
            *_blocks(coarse, depth),
            nn.ReLU(),
            nn.Conv2d(coarse, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, coarse, 3, padding=1),
            *_blocks(coarse, depth),
            nn.Conv2d(coarse, fine * 4, 1),
            nn.PixelShuffle(2),
            *_blocks(fine, depth),
            nn.Conv2d(fine, full * 4, 1),
            nn.PixelShuffle(2),
            *_blocks(full, 2),
            nn.ReLU(),
            nn.Conv2d(full, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )
        # Mean and deviation of each latent channel, measured once after training.
        self.register_buffer("mean", torch.zeros(1, latent_channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, latent_channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def encode(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, S, S)`` in [-1, 1] to latents ``(B, C, S/8, S/8)`` of unit variance."""
        raw: Tensor = self.encoder(images)
        return (raw - self.mean) / self.deviation

    def decode(self, latents: Tensor) -> Tensor:
        """Latents to images ``(B, 3, S, S)``, not clamped."""
        images: Tensor = self.decoder(latents * self.deviation + self.mean)
        return images
