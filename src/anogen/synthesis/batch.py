"""Many anomalies at once, as a training loop wants them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anogen.synthesis.contract import Image, Synthesizer


def draw_batch(
    synthesizer: Synthesizer,
    normals: Image,
    rng: np.random.Generator,
    *,
    regions: Sequence[NDArray[np.bool_] | None] | None = None,
) -> tuple[Image, NDArray[np.float32]]:
    """Draw one anomaly on each image of a batch.

    Args:
        synthesizer: draws each anomaly.
        normals: ``(B, H, W)`` or ``(B, H, W, 3)``, uint8 or uint16; not changed.
        rng: each image has a generator spawned from this one, so an image's anomaly does not
            depend on those before it.
        regions: a region or None for each image; None for all by default.

    Returns:
        The images, as ``normals``, and their masks, float32 ``(B, H, W)`` in [0, 1].

    Raises:
        ValueError: if the number of regions is not that of images.
    """
    if regions is not None and len(regions) != len(normals):
        raise ValueError(f"{len(normals)} images but {len(regions)} regions")
    images = np.empty_like(normals)
    masks = np.empty(normals.shape[:3], dtype=np.float32)
    places = [None] * len(normals) if regions is None else regions
    generators = rng.spawn(len(normals))
    for index, (place, generator) in enumerate(zip(places, generators, strict=True)):
        anomaly = synthesizer(normals[index], place, generator)
        images[index], masks[index] = anomaly.image, anomaly.mask
    return images, masks
