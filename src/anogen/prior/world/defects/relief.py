"""Light on relief: shading, highlights, cast shadows and displacement from a height map."""

import math

import cv2
import numpy as np

from anogen.prior.world.defects.canvas import Canvas
from anogen.prior.world.defects.noise import Field


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur; nothing below a twentieth of a pixel."""
    if sigma < 0.05:
        return field
    blurred: Field = cv2.GaussianBlur(
        field.astype(np.float32, copy=False), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    return blurred


def slopes(height: Field) -> tuple[Field, Field]:
    """``(dx, dy)`` of a height map, in height a pixel (Scharr's operator)."""
    height = height.astype(np.float32, copy=False)
    return (
        cv2.Scharr(height, cv2.CV_32F, 1, 0, scale=1 / 32, borderType=cv2.BORDER_REPLICATE),
        cv2.Scharr(height, cv2.CV_32F, 0, 1, scale=1 / 32, borderType=cv2.BORDER_REPLICATE),
    )


def facing(canvas: Canvas, height: Field) -> Field:
    """How much steeper than flat the surface faces the light, ``(H, W)`` in about (-1, 1).

    Args:
        canvas: its light's direction is used.
        height: ``(H, W)`` in pixels, towards the camera.
    """
    dx, dy = slopes(height)
    towards = -(dx * canvas.light[0] + dy * canvas.light[1])
    # Lambert's cosine for a lamp at 45 degrees, less that of the flat surface.
    lit: Field = (1 + towards) / np.sqrt(1 + dx * dx + dy * dy) - 1
    return lit


def relight(
    canvas: Canvas, image: Field, height: Field, *, gain: float, gloss: float = 0.0
) -> Field:
    """``image`` as a surface with this relief: shaded, and with highlights where it is glossy.

    Args:
        canvas: light and strength.
        image: ``(H, W, 3)``.
        height: ``(H, W)`` in pixels.
        gain: how strongly the light is directed; 0 is fog, 1 is a lamp.
        gloss: height of the highlights, 0 to 1.
    """
    lit = facing(canvas, height) * (gain * canvas.strength)
    # Light from the surroundings fills the deepest shade; a sensor's curve rounds off the rest.
    shade = 0.78 * np.tanh(np.minimum(lit, 0) / 0.78)
    light = 1.3 * np.tanh(np.maximum(lit, 0) / 1.3)
    # What faces the lamp gains light in proportion to its colour, and a sheen of the lamp's own.
    lifted = image * (1 + shade + 0.55 * light)[..., None] + (0.16 * light)[..., None]
    if gloss > 0:
        shine = np.clip((lit - 0.35) * 2.2, 0, 1) ** 2 * gloss
        lifted = lifted + (1 - lifted) * shine[..., None]
    result: Field = lifted
    return result


def shifted(field: Field, dx: float, dy: float) -> Field:
    """``field`` moved by a vector in pixels; its border is repeated."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    moved: Field = cv2.warpAffine(
        field.astype(np.float32, copy=False),
        matrix,
        (field.shape[1], field.shape[0]),
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved


def cast_shadow(
    canvas: Canvas, image: Field, alpha: Field, *, distance: float, depth: float
) -> Field:
    """``image`` with the soft shadow of something of outline ``alpha`` that lies above it.

    Args:
        canvas: its light's direction is used.
        image: ``(H, W, 3)``.
        alpha: ``(H, W)`` in [0, 1].
        distance: height above the surface in pixels: length and softness of the shadow.
        depth: how much light is taken away, 0 to 1.
    """
    shadow = shifted(alpha, -canvas.light[0] * distance, -canvas.light[1] * distance)
    shadow = blur(shadow, 0.4 + 0.35 * distance)
    darkened: Field = image * (1 - depth * shadow)[..., None]
    return darkened


def displaced(canvas: Canvas, dx: Field, dy: Field) -> Field:
    """The canvas with pixel ``(x, y)`` taken from ``(x + dx, y + dy)`` of the whole image."""
    height, width = canvas.shape
    columns = np.arange(width, dtype=np.float32)[None] + np.float32(canvas.left) + dx
    rows = np.arange(height, dtype=np.float32)[:, None] + np.float32(canvas.top) + dy
    moved: Field = cv2.remap(
        canvas.whole,
        np.ascontiguousarray(columns, np.float32),
        np.ascontiguousarray(rows, np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.clip(moved, 0, 1)


def difference(canvas: Canvas, image: Field, *, threshold: float = 0.03) -> Field:
    """Where ``image`` differs from the canvas, as a soft mask with small gaps closed."""
    change = np.abs(image - canvas.image).max(2)
    reach = max(1.0, 0.03 * canvas.size)
    mask: Field = np.clip(blur(np.minimum(change, 3 * threshold), reach) / threshold, 0, 1)
    return mask


def unit(angle: float) -> tuple[float, float]:
    """The unit vector at an angle in radians."""
    return math.cos(angle), math.sin(angle)
