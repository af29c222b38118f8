"""A training step of DRAEM written the straightforward way, as its released code works.

From what is known of the released codes of DRAEM and AnoGen, for ``training_speed.py``: every step
reads its images from PNG files and textures from JPEG files, makes Perlin noise from full images
of gradients, blends in floating point, moves the target through a one-hot form for the focal
loss, builds the window of SSIM anew and slides it as a square, and leaves tensors and optimiser
as torch makes them.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from synthesis_speed import straightforward_perlin
from torch import Tensor
from torch.nn import functional

from anogen.detection.draem import DraemNetwork
from anogen.synthesis.texture_operations import OPERATIONS, turned

SIDE = 256


def example(
    normals: list[Path], textures: list[Path], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Image, normal ``(3, S, S)`` and mask ``(1, S, S)`` of one example, from files."""
    normal = _read(normals[rng.integers(len(normals))]).astype(np.float64) / 255
    if rng.random() < 0.3:
        normal = turned(normal, rng.uniform(-90, 90))
    mask = np.zeros((SIDE, SIDE, 1))
    image = normal
    if rng.random() < 0.5:  # the released code draws first and then decides; this favours it
        texture = _read(textures[rng.integers(len(textures))])
        for index in rng.choice(len(OPERATIONS), 3, replace=False):
            texture = OPERATIONS[index](texture, rng)
        cells = 2 ** rng.integers(0, 6, 2)
        noise = straightforward_perlin((SIDE, SIDE), (int(cells[0]), int(cells[1])), rng)
        mask = (turned(noise, rng.uniform(-90, 90)) > 0.5).astype(np.float64)[..., None]
        beta = rng.random() * 0.8
        image = normal * (1 - mask) + (1 - beta) * (texture * mask / 255.0) + beta * normal * mask
    parts = (np.transpose(part, (2, 0, 1)).astype(np.float32) for part in (image, normal, mask))
    first, second, third = parts
    return first, second, third


def batch(
    normals: list[Path], textures: list[Path], size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Images, normals and masks of ``size`` examples."""
    examples = [example(normals, textures, rng) for _ in range(size)]
    images, targets, masks = (
        torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)
    )
    return images, targets, masks


def losses(
    network: DraemNetwork, image: Tensor, normal: Tensor, mask: Tensor, *, cutoff: float
) -> dict[str, Tensor]:
    """L2, SSIM and focal loss; pixels of the mask below ``cutoff`` carry no focal loss."""
    restored, _ = network.reconstruction(image)
    logits = network.segmentation(torch.cat([restored, image], dim=1))
    probabilities = torch.softmax(logits, dim=1)
    keep = (probabilities[:, 1:].detach() > cutoff) | (mask == 0)
    focal = _focal_map(probabilities, mask)
    return {
        "l2": functional.mse_loss(restored, normal),
        "ssim": _ssim_loss(restored, normal),
        "focal": (focal * keep[:, 0].reshape(-1)).mean(),
    }


def step(optimiser: torch.optim.Optimizer, found: dict[str, Tensor]) -> dict[str, float]:
    """Backward and update; the values of the losses."""
    total = sum(found.values(), torch.zeros(()))
    optimiser.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return {name: value.item() for name, value in found.items()}


def _read(path: Path) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE))
    return image


def _focal_map(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Focal loss of all pixels in a row, gamma 2, through the one-hot form of the target."""
    smooth = 1e-5
    rows = probabilities.permute(0, 2, 3, 1).reshape(-1, 2)
    target = mask.permute(0, 2, 3, 1).reshape(-1, 1).long().cpu()
    one_hot = torch.zeros(len(target), 2).scatter_(1, target, 1)
    one_hot = one_hot.clamp(smooth, 1 - smooth).to(rows.device)
    true_class = (one_hot * rows).sum(1) + smooth
    return -torch.pow(torch.clamp(1 - true_class, min=0), 2) * true_class.log()


def _ssim_loss(first: Tensor, second: Tensor) -> Tensor:
    offsets = torch.arange(11, dtype=torch.float32) - 5
    thin = torch.exp(-(offsets**2) / (2 * 1.5**2))
    thin = thin / thin.sum()
    window = torch.outer(thin, thin).expand(3, 1, 11, 11).contiguous().to(first)

    def mean(values: Tensor) -> Tensor:
        return functional.conv2d(values, window, padding=5, groups=3)

    mean_1, mean_2 = mean(first), mean(second)
    variance_1 = mean(first * first) - mean_1.pow(2)
    variance_2 = mean(second * second) - mean_2.pow(2)
    covariance = mean(first * second) - mean_1 * mean_2
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1.pow(2) + mean_2.pow(2) + c1) * (variance_1 + variance_2 + c2)
    )
    return 1 - similarity.mean()
