"""Random fields and coordinates that every surface and part is made of."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""A map ``(S, S)``, or a colour image ``(S, S, 3)``."""


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number in [low, high] whose logarithm is uniform (both above 0)."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@lru_cache(maxsize=16)
def _frequencies(size: int) -> tuple[Field, Field]:
    """Frequencies in cycles per pixel along x and y, shapes ``(1, S//2+1)`` and ``(S, 1)``."""
    along_x = np.fft.rfftfreq(size).astype(np.float32)[None, :]
    along_y = np.fft.fftfreq(size).astype(np.float32)[:, None]
    return along_x, along_y


def _filtered(rng: np.random.Generator, size: int, gain: Field) -> Field:
    white = rng.standard_normal((size, size), dtype=np.float32)
    field = np.fft.irfft2(np.fft.rfft2(white) * gain, s=(size, size)).astype(np.float32)
    field -= field.mean()
    return field / np.float32(max(float(field.std()), 1e-6))


def spectral(
    rng: np.random.Generator,
    size: int,
    *,
    wavelength: float,
    falloff: float = 3.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Field:
    """Noise ``(size, size)`` of mean 0 and variance 1 with a power-law spectrum.

    The amplitude is ``(1 + (k * wavelength)^2)^(-falloff / 2)`` with k in cycles per pixel: flat
    above ``wavelength`` pixels, rougher for a smaller ``falloff``. ``stretch`` lengthens it along
    ``angle`` (radians).
    """
    along_x, along_y = _frequencies(size)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (along_x * cos + along_y * sin) * np.float32(wavelength * stretch)
    across = (along_y * cos - along_x * sin) * np.float32(wavelength)
    gain = (1 + along * along + across * across) ** np.float32(-falloff / 2)
    return _filtered(rng, size, gain)


def band(rng: np.random.Generator, size: int, *, wavelength: float, width: float = 0.3) -> Field:
    """Noise ``(size, size)`` of mean 0 and variance 1 whose grains all measure ``wavelength``.

    The amplitude is a Gaussian in log-frequency of the given relative ``width``.
    """
    along_x, along_y = _frequencies(size)
    k = np.sqrt(along_x * along_x + along_y * along_y) + np.float32(1e-6)
    gain = np.exp(-0.5 * (np.log(k * np.float32(wavelength)) / np.float32(width)) ** 2)
    return _filtered(rng, size, gain)


def coordinates(
    size: int, *, centre: tuple[float, float] = (0.0, 0.0), angle: float = 0.0, scale: float = 1.0
) -> tuple[Field, Field]:
    """Rotated coordinates ``u, v`` of each pixel, ``(size, size)``, in ``scale`` pixels."""
    x = np.arange(size, dtype=np.float32)[None, :] - np.float32(centre[0])
    y = np.arange(size, dtype=np.float32)[:, None] - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle) / scale), np.float32(np.sin(angle) / scale)
    return x * cos + y * sin, y * cos - x * sin


def profile(rng: np.random.Generator, coordinate: Field, *, wavelength: float = 1.0) -> Field:
    """Noise that depends on one coordinate only, mean 0 and variance 1, linear between knots."""
    position = coordinate / np.float32(wavelength)
    lowest = float(position.min())
    knots = rng.standard_normal(int(position.max() - lowest) + 3).astype(np.float32)
    position = position - np.float32(lowest)
    index = position.astype(np.int32)
    rest = position - index.astype(np.float32)
    return np.asarray(knots[index] * (1 - rest) + knots[index + 1] * rest, dtype=np.float32)


def whole(field: NDArray[np.floating[Any]]) -> Field:
    """The nearest whole number of each value."""
    return np.asarray(np.round(field), dtype=np.float32)


def smoothstep(field: Field, low: float, high: float) -> Field:
    """A soft threshold: 0 below ``low``, 1 above ``high``, a cubic ramp between."""
    ramp = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def warp(rng: np.random.Generator, field: Field, *, amplitude: float, wavelength: float) -> Field:
    """``field`` moved about by a smooth random displacement of ``amplitude`` pixels."""
    size = field.shape[0]
    grid = np.arange(size, dtype=np.float32)
    moved = [
        spectral(rng, size, wavelength=wavelength, falloff=4) * np.float32(amplitude) for _ in "xy"
    ]
    warped = cv2.remap(
        field,
        grid[None, :] + moved[0],
        grid[:, None] + moved[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, dtype=np.float32)


@dataclass(frozen=True)
class Cells:
    """Irregular cells that fill the plane; all maps are ``(S, S)``."""

    label: NDArray[np.int32]
    """Which cell a pixel belongs to, from 0."""
    edge: Field
    """Distance in pixels to the border of the cell."""
    centre: Field
    """Distance in pixels to the centre of the cell."""
    count: int

    def values(self, rng: np.random.Generator) -> Field:
        """One standard normal number for each cell."""
        return rng.standard_normal(self.count).astype(np.float32)[self.label]


def cells(rng: np.random.Generator, size: int, *, spacing: float, jitter: float = 0.9) -> Cells:
    """A Voronoi diagram of points about ``spacing`` pixels apart; ``jitter`` 0 is a square grid."""
    spacing = max(spacing, 2.0)
    margin = int(np.ceil(2 * spacing))
    full = size + 2 * margin
    knots = np.arange(spacing / 2, full, spacing)
    points = np.stack(np.meshgrid(knots, knots), -1).reshape(-1, 2)
    points += rng.uniform(-0.5, 0.5, points.shape) * jitter * spacing
    pixel = np.clip(points.astype(np.int32), 0, full - 1)
    sites = np.ones((full, full), dtype=np.uint8)
    sites[pixel[:, 1], pixel[:, 0]] = 0
    distance, label = cv2.distanceTransformWithLabels(
        sites, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    count = int(label.max())
    inside = np.ones((full, full), dtype=np.uint8)
    inside[:, 1:] &= label[:, 1:] == label[:, :-1]
    inside[1:, :] &= label[1:, :] == label[:-1, :]
    edge = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    window = slice(margin, margin + size)
    return Cells(
        label=np.asarray(label[window, window] - 1, dtype=np.int32),
        edge=np.asarray(edge[window, window], dtype=np.float32),
        centre=np.asarray(distance[window, window], dtype=np.float32),
        count=count,
    )


def soften(field: Field, sigma: float) -> Field:
    """``field`` blurred by a Gaussian of ``sigma`` pixels (unchanged below 0.15)."""
    if sigma < 0.15:
        return field
    blurred = cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, dtype=np.float32)


def lines(
    rng: np.random.Generator,
    size: int,
    *,
    count: int,
    length: tuple[float, float],
    width: float = 0.6,
    angle: float | None = None,
    spread: float = 0.1,
    bend: float = 0.0,
) -> Field:
    """Thin strokes in [0, 1], ``(size, size)``: fibres and micro-scratches.

    Args:
        count: how many.
        length: shortest and longest, pixels.
        width: about the width in pixels; below 1 the strokes grow faint.
        angle: the common direction in radians, or None for every direction.
        spread: standard deviation of the direction around ``angle``.
        bend: curvature, as a part of the length.
    """
    canvas = np.zeros((size, size), dtype=np.uint8)
    shift = 4
    steps = 2 if bend == 0 else 7
    t = np.linspace(-0.5, 0.5, steps)
    for _ in range(count):
        start = rng.uniform(-0.1 * size, 1.1 * size, 2)
        turn = rng.uniform(0, np.pi) if angle is None else rng.normal(angle, spread)
        extent = log_uniform(rng, *length)
        along = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-along[1], along[0]])
        bow = bend * rng.normal() * extent
        path = start + t[:, None] * extent * along + (t[:, None] ** 2) * 4 * bow * across
        strength = int(255 * min(1.0, width) * rng.uniform(0.3, 1.0))
        cv2.polylines(
            canvas,
            [np.round(path * 2**shift).astype(np.int32)],
            False,
            strength,
            max(1, round(width)),
            cv2.LINE_AA,
            shift,
        )
    return canvas.astype(np.float32) / np.float32(255)
