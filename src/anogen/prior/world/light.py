"""Light: from a material to the image a perfect camera would see."""

from dataclasses import dataclass

import cv2
import numpy as np

from anogen.prior.world.material import Material
from anogen.prior.world.noise import Field, coordinates, log_uniform, soften, spectral


@dataclass(frozen=True)
class Light:
    """One directed lamp, light from everywhere, and the unevenness of both."""

    direction: tuple[float, float, float]
    """Unit vector towards the lamp; z points to the camera."""
    ambient: float
    """Share of the light that comes from everywhere, [0, 1]."""
    field: Field
    """``(S, S)`` strength over the window, about 1."""
    highlight: float
    """Factor on every material's gloss."""


def some_light(rng: np.random.Generator, size: int) -> Light:
    """A light of random direction, hardness, gradient, vignette and hot spot."""
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = np.radians(rng.uniform(28, 85))
    direction = (
        float(np.cos(azimuth) * np.cos(elevation)),
        float(np.sin(azimuth) * np.cos(elevation)),
        float(np.sin(elevation)),
    )
    u, v = coordinates(size, centre=((size - 1) / 2, (size - 1) / 2), scale=size / 2)
    field = np.ones((size, size), dtype=np.float32)
    if rng.random() < 0.7:
        turn = rng.uniform(0, 2 * np.pi)
        slope = rng.exponential(0.1)
        field *= 1 + np.float32(slope) * (np.cos(turn) * u + np.sin(turn) * v).astype(np.float32)
    if rng.random() < 0.35:
        # The window is a crop: the vignette's centre may lie far outside.
        x, y = rng.uniform(-1.5, 1.5, 2)
        field *= 1 - np.float32(rng.uniform(0.02, 0.15)) * ((u - x) ** 2 + (v - y) ** 2) / 2
    if rng.random() < 0.25:
        x, y = rng.uniform(-1.2, 1.2, 2)
        width = log_uniform(rng, 0.3, 1.5)
        spot = np.exp(-((u - x) ** 2 + (v - y) ** 2) / np.float32(2 * width * width))
        field *= 1 + np.float32(rng.uniform(0.05, 0.5)) * spot
    if rng.random() < 0.25:
        field *= 1 + np.float32(rng.uniform(0.01, 0.06)) * spectral(
            rng, size, wavelength=size * 0.7, falloff=4
        )
    return Light(
        direction=direction,
        ambient=float(rng.uniform(0.2, 0.8)),
        field=np.clip(field, 0.1, 3).astype(np.float32),
        highlight=log_uniform(rng, 0.3, 2.0),
    )


def shade(material: Material, light: Light) -> Field:
    """Image ``(S, S, 3)``, linear and not yet clipped, of a material under a light.

    A Lambertian surface with Blinn-Phong highlights (Blinn 1977); a level surface comes out as
    its albedo whatever the lamp's elevation.
    """
    slope_x = cv2.Sobel(material.relief, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(material.relief, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    length = np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    x, y, z = (np.float32(part) for part in light.direction)
    facing = np.maximum((z - slope_x * x - slope_y * y) / length, 0) / z
    ambient = np.float32(light.ambient)
    diffuse = (ambient / length + (1 - ambient) * np.minimum(facing, 2.5)) * light.field
    image = material.albedo * diffuse[..., None]
    strength = material.gloss * light.highlight
    if strength > 0.01:
        half = np.array([x, y, z + 1], dtype=np.float32)
        half /= np.linalg.norm(half)
        mirror = np.maximum((half[2] - slope_x * half[0] - slope_y * half[1]) / length, 0)
        level = half[2] ** material.sharpness
        # Only the part above a level surface's own highlight: the window keeps its exposure.
        glint = np.maximum(mirror**material.sharpness - level, 0) * light.field
        image += (np.float32(strength) * soften(glint, 0.5))[..., None]
    return np.asarray(image, dtype=np.float32)
