"""Hazelnuts, cookies, fruit, beans: things no two of which are alike."""

from dataclasses import replace

import numpy as np

from anogen.prior.world import surfaces_organic
from anogen.prior.world.material import Material, blend, painted
from anogen.prior.world.noise import Field, profile, smoothstep, spectral
from anogen.prior.world.palette import brown, pale, tone
from anogen.prior.world.parts_shape import Part, box, some_place


def _lumpy(rng: np.random.Generator, azimuth: Field, roughness: float) -> Field:
    """A closed random outline: 1 plus a few random harmonics of the angle."""
    radius = np.ones_like(azimuth)
    for order in range(2, 9):
        amplitude = np.float32(roughness * rng.normal() / order)
        radius += amplitude * np.cos(order * azimuth + np.float32(rng.uniform(0, 2 * np.pi)))
    return radius


def _dome(outline: Field, radius: float, flatness: float) -> Field:
    """Height of a rounded body of about ``radius``; a higher ``flatness`` is flatter on top."""
    inside = np.clip(-outline / np.float32(radius), 0, 1)
    height = (1 - (1 - inside) ** np.float32(flatness)) ** np.float32(1 / flatness)
    return np.asarray(height, dtype=np.float32)


def hazelnut(rng: np.random.Generator, size: int) -> Part:
    """A nut in its shell: a tip, streaks that run to it, a rough pale base."""
    place = some_place(rng, size)
    x, y, radius = place.x, place.y, place.radius
    y = y * np.float32(rng.uniform(0.95, 1.25))
    azimuth = np.arctan2(y, x)
    length = np.sqrt(x * x + y * y)
    # The tip: a pointed bulge towards +x.
    tip = np.float32(rng.uniform(0, 0.2)) * np.exp(-((azimuth / np.float32(0.5)) ** 2))
    outline = length - np.float32(radius) * (_lumpy(rng, azimuth, 0.03) + tip)
    outline = np.asarray(outline * np.float32(0.95), dtype=np.float32)
    dome = _dome(outline, radius, 2.0)
    # Meridians: from the tip over the dome to the base.
    meridian = y / (np.float32(0.25 * radius) + np.sqrt(np.maximum(radius**2 - x * x, 1)))
    warped = meridian + np.float32(0.01) * spectral(rng, size, wavelength=20, falloff=3)
    streak = profile(rng, warped, wavelength=rng.uniform(0.03, 0.08))
    streak = streak + profile(rng, warped, wavelength=0.15)
    shade = 1 - np.float32(rng.uniform(0.03, 0.14)) * streak
    shade += np.float32(0.05) * spectral(rng, size, wavelength=0.2 * radius + 3, falloff=2)
    shade += np.float32(0.03) * spectral(rng, size, wavelength=1.5, falloff=1)
    shade *= np.float32(0.45) + np.float32(0.55) * dome
    colour = tone(rng, hue=(0.02, 0.09), saturation=(0.3, 0.75), value=(0.3, 0.85))
    albedo = painted(colour, shade)
    base = smoothstep(-x + 4 * spectral(rng, size, wavelength=8, falloff=2), radius * 0.6, radius)
    rough = 1 + 0.12 * spectral(rng, size, wavelength=2.5, falloff=1.5)
    pale_base = tone(rng, hue=(0.06, 0.12), saturation=(0.2, 0.5), value=(0.3, 0.8))
    albedo = blend(albedo, painted(pale_base, rough * shade), base)
    relief = dome * np.float32(radius * 0.6) - streak * np.float32(rng.uniform(0, 0.25))
    material = Material(albedo, relief, gloss=rng.uniform(0, 0.4), sharpness=rng.uniform(5, 25))
    return Part(material, outline, height=radius)


def cookie(rng: np.random.Generator, size: int) -> Part:
    """A round or oblong baked thing of cracked dough."""
    place = some_place(rng, size)
    x, y, radius = place.x, place.y, place.radius
    azimuth = np.arctan2(y, x)
    wobble = spectral(rng, size, wavelength=0.3 * radius + 4, falloff=2.2)
    if rng.random() < 0.75:
        outline = np.sqrt(x * x + y * y) - np.float32(radius) * _lumpy(rng, azimuth, 0.05)
    else:
        outline = box(x, y, (radius, radius * rng.uniform(0.6, 1)), corner=0.3 * radius)
    outline = np.asarray(outline + wobble * np.float32(0.012 * radius), dtype=np.float32)
    dough = surfaces_organic.crust(rng, size)
    dome = _dome(outline, radius, 4.0)
    rim = np.exp(outline / np.float32(0.12 * radius))
    albedo = dough.albedo * (1 - np.float32(0.45) * np.clip(rim, 0, 1))[..., None]
    relief = dough.relief + dome * np.float32(0.3 * radius)
    return Part(replace(dough, albedo=albedo, relief=relief), outline, height=0.3 * radius)


def fruit(rng: np.random.Generator, size: int) -> Part:
    """A fruit, bean or kernel: a rounded body with a skin, a shade and maybe a crease."""
    place = some_place(rng, size)
    x, y, radius = place.x, place.y, place.radius
    y = y * np.float32(rng.uniform(1.0, 1.8))
    azimuth = np.arctan2(y, x)
    outline = np.sqrt(x * x + y * y) - np.float32(radius) * _lumpy(rng, azimuth, 0.05)
    outline = np.asarray(outline * np.float32(0.8), dtype=np.float32)
    dome = _dome(outline, radius * 0.8, 2.0)
    if rng.random() < 0.5:
        skin = surfaces_organic.fruit_skin(rng, size)
    else:
        colour = brown(rng) if rng.random() < 0.4 else pale(rng)
        shade = 1 + np.float32(0.06) * spectral(rng, size, wavelength=12, falloff=2)
        shade += np.float32(0.03) * spectral(rng, size, wavelength=1.5, falloff=1)
        skin = Material(
            painted(colour, shade), 0.1 * shade, gloss=rng.uniform(0, 0.5), sharpness=20
        )
    shade = np.float32(0.5) + np.float32(0.5) * dome
    relief = skin.relief * np.float32(0.5) + dome * np.float32(radius * 0.6)
    if rng.random() < 0.4:
        crease = np.exp(-(((y + 0.1 * x) / np.float32(0.06 * radius + 1)) ** 2))
        shade = shade * (1 - np.float32(rng.uniform(0.1, 0.5)) * crease)
        relief = relief - crease * np.float32(0.06 * radius)
    albedo = skin.albedo * shade[..., None]
    return Part(replace(skin, albedo=albedo, relief=relief), outline, height=radius)


PARTS = {"hazelnut": hazelnut, "cookie": cookie, "fruit": fruit}
