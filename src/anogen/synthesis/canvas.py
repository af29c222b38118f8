"""The image under a procedural synthesizer: its checks, its kinds, its finished anomaly."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.window import Window
from anogen.synthesis.contract import Anomaly, Image

FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
"""The value of white."""

GREY_LEVEL = 1 / 255
"""One step of an 8-bit image, as a share of white."""


def check(normal: Image, region: NDArray[np.bool_] | None) -> None:
    """Refuse what is no image, or a region that does not fit it.

    Raises:
        InputError: if the image is not ``(H, W)`` or ``(H, W, 3)`` of uint8 or uint16, or the
            region is not boolean ``(H, W)`` with at least one true pixel.
    """
    shaped = normal.ndim == 2 or (normal.ndim == 3 and normal.shape[2] == 3)
    if not shaped or normal.dtype not in FULL or normal.size == 0:
        raise InputError(
            f"an image must be uint8 or uint16 of shape (H, W) or (H, W, 3), "
            f"not {normal.dtype} of shape {normal.shape}."
        )
    if region is None:
        return
    if region.dtype != np.bool_ or region.shape != normal.shape[:2]:
        raise InputError(
            f"a region must be boolean of shape {normal.shape[:2]}, "
            f"not {region.dtype} of shape {region.shape}."
        )
    if not region.any():
        raise InputError("the region is empty; give one with at least one pixel, or None.")


def as_kind(image: Image, like: Image) -> Image:
    """``image`` in the depth and colours of ``like``; its size stays."""
    if image.dtype != like.dtype:
        # 257 = 65535 / 255 takes black to black and white to white.
        image = (
            (image // 257).astype(np.uint8)
            if like.dtype == np.uint8
            else image.astype(np.uint16) * np.uint16(257)
        )
    if image.ndim == like.ndim:
        return image
    code = cv2.COLOR_GRAY2RGB if like.ndim == 3 else cv2.COLOR_RGB2GRAY
    converted: Image = cv2.cvtColor(np.ascontiguousarray(image), code)
    return converted


def as_rgb8(image: Image) -> NDArray[np.uint8]:
    """``image`` as uint8 ``(H, W, 3)``."""
    return as_kind(image, _RGB8)  # type: ignore[return-value]


_RGB8 = np.zeros((1, 1, 3), dtype=np.uint8)


def unit_rgb(image: Image, window: Window, size: int) -> NDArray[np.float32]:
    """What a window of an image shows, ``(size, size, 3)`` in [0, 1]; 16 bits stay precise."""
    pixels = np.clip(window.cut(image, size) / np.float32(FULL[image.dtype]), 0, 1)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.asarray(pixels, dtype=np.float32)


def finished(
    image: Image,
    mask: NDArray[np.bool_],
    touched: NDArray[np.bool_],
    region: NDArray[np.bool_] | None,
    provenance: Mapping[str, Any],
) -> Anomaly:
    """The anomaly whose box holds all touched pixels.

    Args:
        image: the drawn image.
        mask: boolean ``(H, W)``, not empty: which pixels became defective.
        touched: boolean ``(H, W)``, contains the mask: where the image may have changed.
        region: where the defect was asked for; the box itself if None.
        provenance: what is needed to draw it again.
    """
    box = Box.around(touched)
    within = box.mask(*mask.shape)
    if region is not None:
        within &= region
    return Anomaly(image, box, within, mask.astype(np.float32), provenance)
