"""What tests of several rooms share: a small prior of the embedded kind, and small datasets."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from anogen.data.images import write_png
from anogen.files import write_bytes
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.embedded import EmbeddedPrior, load_embedded
from anogen.prior.pretrain.recipe import CONFIG, new_prior, pack

# A process costs seconds of imports; tests that want several say so.
os.environ["ANOGEN_WORKERS"] = "1"

SMALL = {
    "image_size": 32,
    "latent_size": 4,
    "latent_channels": 8,
    "token_dim": 16,
    "widths": [16, 32],
    "attention": [False, True],
    "depth": 1,
    "defect_variance": 0.25,
    "words": CONFIG["words"][:6],
}


@pytest.fixture(scope="session")
def small_prior_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior of the embedded kind with random weights, written as the recipe writes it."""
    torch.manual_seed(0)
    autoencoder = SurfaceAutoencoder(latent_channels=8, fine=16, coarse=16, full=8, depth=1)
    prior = new_prior(autoencoder, seed=0, config=SMALL)
    path = tmp_path_factory.mktemp("prior") / "small.safetensors"
    write_bytes(path, pack(prior))
    return path


@pytest.fixture(scope="session")
def small_prior(small_prior_file: Path) -> EmbeddedPrior:
    """The small prior, loaded."""
    return load_embedded(small_prior_file)


def write_small_dataset(root: Path, *, goods: int = 8, tests: int = 4, size: int = 64) -> Path:
    """A dataset in MVTec's layout: noisy grey plates; dark spots and bright lines as defects."""
    rng = np.random.default_rng(7)

    def plate() -> np.ndarray:
        return rng.normal(128, 12, (size, size)).clip(0, 255).astype(np.uint8)

    category = root / "plate"
    for number in range(goods):
        write_png(category / "train/good" / f"{number:03d}.png", plate())
    for number in range(tests):
        write_png(category / "test/good" / f"{number:03d}.png", plate())
    for defect in ("spot", "line"):
        for number in range(tests + 3):
            image, mask = plate(), np.zeros((size, size), np.uint8)
            y, x = rng.integers(8, size - 24, 2)
            if defect == "spot":
                mask[y : y + 10, x : x + 10] = 255
                image[mask > 0] //= 4
            else:
                mask[y : y + 3, x : x + 16] = 255
                image[mask > 0] = 240
            write_png(category / "test" / defect / f"{number:03d}.png", image)
            write_png(category / "ground_truth" / defect / f"{number:03d}_mask.png", mask)
    return root


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset on disk; not to be changed by a test."""
    return write_small_dataset(tmp_path_factory.mktemp("dataset"))
