"""The autoencoder of the embedded prior: 128-pixel windows to 16 x 16 x 16 latents and back.

A small module of our own: pixel-unshuffle takes the first factor 4 for free, the rest are residual
blocks without normalisation, so that a flat window keeps its exact tone.

One pass of an encoder leaves latents that the decoder could do better with: it never sees what the
decoder makes of them. So it is shown once: the error of decoding corrects the latents, by a small
network that has learned what to do about it.
"""

from typing import Any

import torch
import torch.nn.functional as F
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


class LatentCorrection(nn.Module):
    """How latents ought to change, from the error of their decoding; starts at nothing.

    Args:
        latent_channels: channels of a latent cell.
        factor: pixels a side of a cell.
        width: of the hidden layers.
    """

    def __init__(self, *, latent_channels: int, factor: int, width: int) -> None:
        super().__init__()
        self.factor = factor
        pixels = 3 * factor**2
        # A linear answer, and what latents and error together say beyond it.
        self.direct = nn.Conv2d(pixels, latent_channels, 3, padding=1)
        self.body = nn.Sequential(
            nn.Conv2d(pixels + latent_channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, latent_channels, 3, padding=1),
        )
        for last in (self.direct, self.body[-1]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, error: Tensor, latents: Tensor) -> Tensor:
        """Error ``(B, 3, S, S)``, image less decoded, and latents to a change of the latents."""
        cells = F.pixel_unshuffle(4 * error, self.factor)
        change: Tensor = self.direct(cells) + self.body(torch.cat([cells, latents], dim=1))
        return change


class SurfaceAutoencoder(nn.Module):
    """Encodes windows 8 times down to normalised latents, and decodes them.

    Args:
        latent_channels: channels of a latent cell.
        fine: width at a quarter of the window's resolution.
        coarse: width at an eighth.
        full: width of the decoder at half of the resolution.
        depth: residual blocks at each level of the decoder.
        correction: width of the network that corrects latents; 0 leaves them as they are guessed.
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
        correction: int = 0,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "latent_channels": latent_channels,
            "fine": fine,
            "coarse": coarse,
            "full": full,
            "depth": depth,
            "correction": correction,
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
        self.correction = (
            LatentCorrection(latent_channels=latent_channels, factor=self.factor, width=correction)
            if correction
            else None
        )
        # Mean and deviation of each latent channel, measured once after training.
        self.register_buffer("mean", torch.zeros(1, latent_channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, latent_channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def encode(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, S, S)`` in [-1, 1] to latents ``(B, C, S/8, S/8)`` of unit variance."""
        latents = self.guess(images)
        return latents if self.correction is None else self.corrected(latents, images)

    def guess(self, images: Tensor) -> Tensor:
        """The latents that the encoder makes in one pass."""
        raw: Tensor = self.encoder(images)
        return (raw - self.mean) / self.deviation

    def corrected(self, latents: Tensor, images: Tensor) -> Tensor:
        """Latents that decode to something nearer to the images."""
        assert self.correction is not None
        error = images - self.decode(latents).clamp(-1, 1)
        change: Tensor = self.correction(error, latents)
        return latents + change

    def decode(self, latents: Tensor) -> Tensor:
        """Latents to images ``(B, 3, S, S)``, not clamped."""
        images: Tensor = self.decoder(latents * self.deviation + self.mean)
        return images
