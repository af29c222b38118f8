"""The self-supervised predictive convolutional attentive block (SSPCAB).

Ristea et al.: "Self-supervised predictive convolutional attentive block for anomaly detection",
CVPR 2022: each place is predicted from the four corners around it (section 3.1), channels are
weighted by squeeze and excitation (3.2), and the block learns to give back its input (Eq. 5).
"""

import torch
from torch import Tensor, nn

WEIGHT = 0.1
"""Weight of the block's own loss (section 4.2)."""

_DISTANCE = 2
"""Pixels from the hidden centre to each corner: kernel side 1 and dilation 1 in the paper."""
_REDUCTION = 8


class PredictiveBlock(nn.Module):
    """Predicts features from their surroundings; keeps the shape ``(B, C, h, w)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Four 1x1 kernels at the corners are one 2x2 kernel, spread out.
        self.corners = nn.Conv2d(channels, channels, 2, padding=_DISTANCE, dilation=2 * _DISTANCE)
        self.attention = nn.Sequential(
            nn.Conv2d(channels, max(1, channels // _REDUCTION), 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(max(1, channels // _REDUCTION), channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """The predicted features."""
        predicted = torch.relu(self.corners(features))
        weighted: Tensor = predicted * self.attention(predicted.mean(dim=(2, 3), keepdim=True))
        return weighted
