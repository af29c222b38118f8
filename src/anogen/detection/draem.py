"""DRAEM: reconstruct the image without its defect, then segment where the two differ.

Zavrtanik, Kristan, Skocaj: "DRAEM - A discriminatively trained reconstruction embedding for
surface anomaly detection", ICCV 2021: reconstruction (section 3.1, Eq. 1 and 2), segmentation
(3.2, Eq. 3 and 4).

Departures: images are RGB (the released code feeds BGR; from random weights this is a renaming);
``patch`` as in ``detection.unet``; optionally SSPCAB in place of the reconstruction's last
encoder block.
"""

import torch
from torch import Tensor, nn

from anogen.detection.contract import Batch
from anogen.detection.losses import ssim_loss
from anogen.detection.network_detector import NetworkDetector
from anogen.detection.settings import DraemSettings
from anogen.detection.sspcab import WEIGHT, PredictiveBlock
from anogen.detection.unet import (
    UNet,
    anomaly_probability,
    double_convolution,
    initialise,
    upsampling,
)
from anogen.detection.weak import weak_focal_loss

_ENCODER = (1, 2, 4, 8, 8)
_DECODER = (4, 2, 1, 1)


class ReconstructionNetwork(nn.Module):
    """An autoencoder without skips; ``(B, 3, S, S)`` in [0, 1] to the same, without a squashing.

    ``S`` must be a multiple of ``16 * patch``. At width 128 and patch 1 it has 69.0 M parameters.
    """

    def __init__(self, *, width: int, patch: int = 1, sspcab: bool = False) -> None:
        super().__init__()
        self.to_patches = nn.PixelUnshuffle(patch)
        self.to_pixels = nn.PixelShuffle(patch)
        channels = 3 * patch * patch
        self.down = nn.ModuleList()
        for factor in _ENCODER:
            self.down.append(double_convolution(channels, width * factor, width * factor))
            channels = width * factor
        if sspcab:
            self.down[-1] = PredictiveBlock(channels)
        self.up = nn.ModuleList()
        for factor in _DECODER:
            block = double_convolution(channels, channels, width * factor)
            self.up.append(nn.Sequential(upsampling(channels, channels), block))
            channels = width * factor
        self.last = nn.Conv2d(channels, 3 * patch * patch, 3, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The images without their defects, and the squared error of the last encoder block.

        The second is how far that block is from giving back its input, a scalar; it only means
        something, and only is to be minimised, for SSPCAB.
        """
        features = self.to_patches(images)
        for level, block in enumerate(self.down):
            entering = nn.functional.max_pool2d(features, 2) if level else features
            features = block(entering)
        error = nn.functional.mse_loss(features.float(), entering.float())
        for up in self.up:
            features = up(features)
        restored: Tensor = self.to_pixels(self.last(features))
        return restored, error


class DraemNetwork(nn.Module):
    """Reconstruction and segmentation in a row."""

    def __init__(self, settings: DraemSettings) -> None:
        super().__init__()
        self.reconstruction = ReconstructionNetwork(
            width=settings.reconstruction_width, patch=settings.patch, sspcab=settings.sspcab
        )
        self.segmentation = UNet(6, width=settings.width, patch=settings.patch)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction ``(B, 3, S, S)``, logits ``(B, 2, S, S)``, error of SSPCAB."""
        restored, error = self.reconstruction(images)
        logits = self.segmentation(torch.cat([restored, images.to(restored.dtype)], dim=1))
        return restored, logits, error


class DraemDetector(NetworkDetector[DraemSettings]):
    """DRAEM with the weakly supervised focal loss of AnoGen."""

    name = "draem"

    def build(self) -> nn.Module:
        """The network, freshly initialised."""
        network = DraemNetwork(self.settings)
        initialise(network)
        return network

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """L2, SSIM and focal loss with equal weights (Eq. 1 to 4 with lambda 1)."""
        normal = self.unit(batch.normal)
        with self.autocast():
            restored, logits, error = self.network(self.unit(batch.image))
        restored = restored.float()
        probability = anomaly_probability(logits)
        losses = {
            "l2": nn.functional.mse_loss(restored, normal),
            "ssim": ssim_loss(restored, normal),
            "focal": weak_focal_loss(probability, batch.mask, batch.weak, self.settings),
        }
        return losses | ({"sspcab": WEIGHT * error} if self.settings.sspcab else {})

    def probability(self, images: Tensor) -> Tensor:
        """``(B, 1, S, S)`` probability of an anomaly at each pixel of uint8 images."""
        with self.autocast():
            _, logits, _ = self.network(self.unit(images))
        return anomaly_probability(logits)
