"""The camera: exposure, colour, optics, noise and compression of an inspection photograph."""

import cv2
import numpy as np

from anogen.prior.world.noise import Field, log_uniform, soften, spectral

GREY_SHARE = 0.4
"""Share of photographs from a monochrome camera (three exactly equal channels)."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def photograph(rng: np.random.Generator, scene: Field) -> Field:
    """A photograph ``(S, S, 3)`` in [0, 1] of a shaded scene ``(S, S, 3)``."""
    grey = bool(rng.random() < GREY_SHARE)
    image = _exposed(rng, scene)
    image = image @ _LUMA if grey else _cast(rng, image)
    image = _optics(rng, np.ascontiguousarray(image))
    image = _sensor(rng, image)
    image = np.clip(image, 0, 1)
    if rng.random() < 0.35:
        image = _compressed(rng, image)
    if grey:
        image = np.repeat(image[..., None], 3, axis=2)
    return np.asarray(image, dtype=np.float32)


def _exposed(rng: np.random.Generator, image: Field) -> Field:
    mean = float(image.mean())
    # Most cameras expose for the middle; a random part of the way leaves dark and bright parts.
    target = rng.uniform(0.2, 0.7)
    gain = (target / max(mean, 0.02)) ** rng.uniform(0.0, 0.7)
    image = image * np.float32(gain)
    pivot = np.float32(mean * gain)
    image = pivot + (image - pivot) * np.float32(log_uniform(rng, 0.6, 1.4))
    if rng.random() < 0.3:
        image = np.clip(image, 0, None) ** np.float32(log_uniform(rng, 0.7, 1.4))
    # A soft shoulder instead of a hard clip for most cameras.
    if rng.random() < 0.7:
        over = np.maximum(image - np.float32(0.8), 0)
        image = np.minimum(image, np.float32(0.8)) + over / (1 + over * np.float32(5))
    return np.asarray(image, dtype=np.float32)


def _cast(rng: np.random.Generator, image: Field) -> Field:
    cast = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    image = image * cast
    luma = (image @ _LUMA)[..., None]
    saturation = np.float32(rng.uniform(0.5, 1.2))
    return np.asarray(luma + (image - luma) * saturation, dtype=np.float32)


def _optics(rng: np.random.Generator, image: Field) -> Field:
    kind = rng.random()
    size = image.shape[0]
    if kind < 0.5:
        image = soften(image, rng.uniform(0.2, 0.8))
    elif kind < 0.7:
        image = soften(image, log_uniform(rng, 0.8, 1.8))
    elif kind < 0.85:
        # A picture enlarged from a smaller one, as resized data sets are.
        small = round(size * rng.uniform(0.45, 0.9))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.25:
        image = image + np.float32(rng.uniform(0.2, 1.0)) * (image - soften(image, 1.2))
    return image


def _sensor(rng: np.random.Generator, image: Field) -> Field:
    level = log_uniform(rng, 0.002, 0.035)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    if image.ndim == 3 and rng.random() < 0.6:
        noise = np.repeat(noise[..., :1], 3, axis=2)
    if rng.random() < 0.4:
        noise = soften(noise, 0.6) * np.float32(1.8)
    shot = np.sqrt(np.clip(image, 0.02, 1)) if rng.random() < 0.6 else np.float32(0.6)
    image = image + np.float32(level) * shot * noise
    if rng.random() < 0.05:
        rows = spectral(rng, image.shape[0], wavelength=1, stretch=60, falloff=2)
        image = image + np.float32(level) * (rows if image.ndim == 2 else rows[..., None])
    return np.asarray(image, dtype=np.float32)


def _compressed(rng: np.random.Generator, image: Field) -> Field:
    quality = int(rng.integers(45, 97))
    pixels = np.round(image * 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    restored = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED), dtype=np.float32)
    return restored / np.float32(255)
