"""The segmentation U-Net of DRAEM, alone or behind a reconstruction.

Zavrtanik, Kristan, Skocaj: "DRAEM - A discriminatively trained reconstruction embedding for
surface anomaly detection", ICCV 2021, section 3.2. Hu et al.: "AnomalyDiffusion", AAAI 2024, use
the same network with the image alone as input to localise defects (section 4).

Departures: ``patch`` moves squares of pixels into channels at the input and back at the output
(sub-pixel convolution), which keeps the resolution of the answer at a quarter of the cost;
``patch=1`` is the published network.
"""

import torch
from torch import Tensor, nn

from anogen.detection.contract import Batch
from anogen.detection.network_detector import NetworkDetector
from anogen.detection.settings import UNetSettings
from anogen.detection.weak import weak_focal_loss

_ENCODER = (1, 2, 4, 8, 8, 8)
"""Channels of each level in units of the width; between levels the side is halved."""
_DECODER = (8, 4, 2, 1, 1)


def double_convolution(channels_in: int, channels_between: int, channels_out: int) -> nn.Sequential:
    """Twice: 3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        *convolution(channels_in, channels_between), *convolution(channels_between, channels_out)
    )


def convolution(channels_in: int, channels_out: int) -> list[nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    return [
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]


def upsampling(channels_in: int, channels_out: int) -> nn.Sequential:
    """Bilinear doubling of the side, then 3x3 convolution, batch normalisation, ReLU."""
    double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    return nn.Sequential(double, *convolution(channels_in, channels_out))


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """DRAEM's start: convolutions N(0, 0.02), batch normalisation weights N(1, 0.02), bias 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.normal_(1.0, 0.02)
            module.bias.zero_()


class UNet(nn.Module):
    """Six levels with skips; ``(B, in_channels, S, S)`` to ``(B, out_channels, S, S)`` logits.

    ``S`` must be a multiple of ``32 * patch``. At width 64 and patch 1 it has 28.4 M parameters.
    """

    def __init__(
        self, in_channels: int, *, width: int, patch: int = 1, out_channels: int = 2
    ) -> None:
        super().__init__()
        self.to_patches = nn.PixelUnshuffle(patch)
        self.to_pixels = nn.PixelShuffle(patch)
        encoder = [width * factor for factor in _ENCODER]
        decoder = [width * factor for factor in _DECODER]
        channels = in_channels * patch * patch
        self.down = nn.ModuleList()
        for size in encoder:
            self.down.append(double_convolution(channels, size, size))
            channels = size
        self.up, self.join = nn.ModuleList(), nn.ModuleList()
        for size, skip in zip(decoder, encoder[-2::-1], strict=True):
            self.up.append(upsampling(channels, size))
            self.join.append(double_convolution(size + skip, size, size))
            channels = size
        self.last = nn.Conv2d(channels, out_channels * patch * patch, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of ``images``."""
        features = self.to_patches(images)
        skips = []
        for level, block in enumerate(self.down):
            features = block(nn.functional.max_pool2d(features, 2) if level else features)
            skips.append(features)
        skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            features = join(torch.cat([up(features), skips.pop()], dim=1))
        logits: Tensor = self.to_pixels(self.last(features))
        return logits


def anomaly_probability(logits: Tensor) -> Tensor:
    """``(B, 1, S, S)`` softmax probability of the second class of logits ``(B, 2, S, S)``.

    In float32, whatever the precision of the logits: the focal loss looks at tails.
    """
    logits = logits.float()
    return torch.sigmoid(logits[:, 1:] - logits[:, :1])


class UNetDetector(NetworkDetector[UNetSettings]):
    """The U-Net alone, with the focal loss."""

    name = "unet"

    def build(self) -> nn.Module:
        """The network, freshly initialised."""
        network = UNet(3, width=self.settings.width, patch=self.settings.patch)
        initialise(network)
        return network

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The weakly supervised focal loss."""
        with self.autocast():
            logits = self.network(self.unit(batch.image))
        probability = anomaly_probability(logits)
        return {"focal": weak_focal_loss(probability, batch.mask, batch.weak, self.settings)}

    def probability(self, images: Tensor) -> Tensor:
        """``(B, 1, S, S)`` probability of an anomaly at each pixel of uint8 images."""
        with self.autocast():
            logits = self.network(self.unit(images))
        return anomaly_probability(logits)
