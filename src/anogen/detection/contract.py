"""The contract of a detector, and of the examples that it trains on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anogen.detection.settings import DetectorSettings
from anogen.registry import Registry


@dataclass(frozen=True)
class Batch:
    """One training batch; images are uint8 ``(B, 3, S, S)`` RGB.

    Attributes:
        image: what the detector sees.
        normal: the same image without its defect, the target of reconstruction.
        mask: float32 ``(B, 1, S, S)`` in [0, 1]: the label (a mask, a soft mask, or a box).
        weak: bool ``(B,)``: the label is a box, so the weakly supervised loss applies.
    """

    image: Tensor
    normal: Tensor
    mask: Tensor
    weak: Tensor


@dataclass(frozen=True)
class Prediction:
    """Scores of a set of images, in their order.

    Attributes:
        image_scores: float32 ``(N,)``, larger is more anomalous.
        score_maps: float16 ``(N, S, S)`` in [0, 1], at the detector's size.
    """

    image_scores: NDArray[np.float32]
    score_maps: NDArray[np.float16]


class Detector(Protocol):
    """An inspection model with one training loop outside of it (``detection.training``).

    Made by ``detectors[name](settings, seed=..., device=...)``; ``settings.steps`` must be set.
    """

    name: str

    @property
    def settings(self) -> DetectorSettings:
        """What the detector was made from."""
        ...

    @property
    def image_size(self) -> int:
        """Side of the images in pixels."""
        ...

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the named parts of the loss."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything that an exact resume needs (weights, optimiser, steps done) as tensors."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state`."""
        ...

    def predict(self, images: NDArray[np.uint8]) -> Prediction:
        """Scores of uint8 images ``(N, S, S, 3)`` RGB; any N."""
        ...

    def save(self, path: Path, *, provenance: dict[str, str] | None = None) -> None:
        """Write the weights, settings and ``provenance`` as one ``.safetensors`` file."""
        ...

    def load_weights(self, path: Path) -> None:
        """Take the weights of a file that :meth:`save` wrote for the same settings."""
        ...


detectors: Registry[Detector] = Registry(
    "detector",
    {
        "unet": "anogen.detection.unet:UNetDetector",
        "draem": "anogen.detection.draem:DraemDetector",
        "destseg": "anogen.detection.destseg:DeSTSegDetector",
    },
)
