"""What soaks in or tints: stains, discolouration, smears, burns, rust and dark areas."""

import math

import numpy as np

from anogen.prior.world.defects.canvas import LUMA, Canvas, Layer
from anogen.prior.world.defects.noise import Field, fractal, streaks
from anogen.prior.world.defects.relief import blur, relight
from anogen.prior.world.defects.shapes import blob, depth, inside, polygon

INKS = (
    (0.45, 0.28, 0.14),
    (0.25, 0.2, 0.16),
    (0.15, 0.15, 0.18),
    (0.62, 0.5, 0.25),
    (0.2, 0.25, 0.5),
    (0.55, 0.15, 0.13),
    (0.2, 0.42, 0.28),
)
"""Coffee, dirt, oil, grease, blue ink, red ink, green ink."""


def _tinted(canvas: Canvas, image: Field, colour: Field, amount: Field) -> Field:
    """``image`` seen through a film of this colour: what lies under it stays to be seen.

    Args:
        canvas: its brightness decides how a film shows on dark ground.
        image: ``(H, W, 3)``.
        colour: ``(3,)``, the film's transmittance.
        amount: ``(H, W)``, thickness; 1 is the colour as given (Beer's law).
    """
    seen = image * np.power(np.clip(colour, 0.02, 1)[None, None], amount[..., None])
    # A film also scatters a little light back, which is all that shows of it on dark ground.
    back = 0.25 + 0.6 * max(0.0, 0.35 - canvas.brightness)
    veil = (1 - np.exp(-1.2 * amount)) * back * 0.5
    tinted: Field = seen + (colour - seen) * veil[..., None]
    return tinted


def stain(canvas: Canvas) -> Layer:
    """A liquid that soaked in: multiplied over the texture, with a darker rim where it dried."""
    field = blob(
        canvas,
        fill=(0.7, 0.97),
        ratio=(0.5, 1.0),
        rough=canvas.uniform(0.08, 0.35),
        lobes=int(canvas.rng.integers(1, 5)),
    )
    softness = 1.2 + canvas.size * (canvas.uniform(0, 0.04) if canvas.chance(0.6) else 0.15)
    cover = inside(field, softness=softness)
    within = depth(field)
    wide = 0.8 + canvas.size * canvas.uniform(0.01, 0.05)
    rim = np.exp(-np.clip(within, 0, None) / wide) * cover
    cloud = fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3), octaves=4)
    body = canvas.uniform(0.25, 0.9) * np.clip(1 + 0.3 * cloud, 0.2, 2)
    amount = cover * body + rim * canvas.uniform(0, 0.9)
    if canvas.chance(0.12) and canvas.brightness < 0.65:
        # A dried water mark: chalk left behind.
        chalk = canvas.colour(0.85, 0.85, 0.82)
        alpha = np.clip(amount * canvas.uniform(0.15, 0.4) * canvas.strength, 0, 0.8)
        return Layer(canvas.mix(canvas.image, canvas.solid(chalk), alpha), cover)
    ink = INKS[int(canvas.rng.choice(len(INKS), p=[0.25, 0.2, 0.15, 0.15, 0.1, 0.1, 0.05]))]
    colour = canvas.colour(*ink)
    if canvas.brightness < 0.25:
        colour = np.clip(colour + canvas.uniform(0.1, 0.4), 0, 1)
    amount = amount * canvas.strength
    image = _tinted(canvas, canvas.image, colour, amount)
    if canvas.chance(0.3):
        # Still wet: the texture's own relief shines.
        wet = np.clip(canvas.texture * 6, 0, 1) * cover
        image = image + (1 - image) * (0.4 * wet)[..., None]
    return Layer(image, cover)


def colour(canvas: Canvas) -> Layer:
    """Another colour of the same material: hue, paleness or brightness differ, texture does not."""
    sharp = canvas.chance(0.4)
    field = blob(
        canvas,
        fill=(0.7, 0.97),
        ratio=(0.5, 1.0),
        rough=canvas.uniform(0.03, 0.3),
        lobes=int(canvas.rng.integers(1, 4)),
    )
    softness = 1.3 if sharp else canvas.size * canvas.uniform(0.12, 0.4)
    cover = inside(field, softness=softness)
    uneven = np.clip(
        1 + 0.2 * fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3)), 0.3, 1.5
    )
    alpha = cover * np.clip(uneven, 0, 1)
    image = canvas.image
    luma = (image @ LUMA)[..., None]
    if canvas.grey:
        gain = canvas.uniform(0.3, 0.65) * canvas.strength
        darker = canvas.chance(float(np.interp(canvas.brightness, [0.2, 0.8], [0.25, 0.85])))
        other = luma * (1 - min(gain, 0.85)) if darker else luma + (1 - luma) * min(0.6 * gain, 0.7)
    else:
        kind = canvas.rng.choice(["tint", "pale", "film"], p=[0.5, 0.2, 0.3])
        if kind == "tint":
            # The material's shading, in another colour.
            hue = canvas.rng.dirichlet((0.8, 0.8, 0.8)).astype(np.float32)
            target = np.clip(0.25 + 1.5 * hue, 0, 1.6) * canvas.uniform(0.6, 1.2)
            strength = min(canvas.uniform(0.4, 0.95) * canvas.strength, 1)
            other = image + ((luma * 0.8 + 0.12) * target - image) * strength
        elif kind == "pale":
            lift = min(canvas.uniform(0.2, 0.5) * canvas.strength, 0.8)
            other = luma + (image - luma) * canvas.uniform(0, 0.5)
            other = other + ((1 - other) if canvas.brightness < 0.7 else -other) * lift
        else:
            paint = canvas.apart(canvas.colour(*canvas.rng.random(3).tolist()), 0.3)
            opacity = min(canvas.uniform(0.3, 0.85) * canvas.strength, 0.95)
            own = paint * (0.6 + 0.4 * luma / max(canvas.brightness, 0.05))
            other = image + (own - image) * opacity
    return Layer(canvas.mix(image, other, alpha), cover)


def smear(canvas: Canvas) -> Layer:
    """Wiped dirt or grease: streaks along the wipe, thick where it began, thin where it ended."""
    height, width = canvas.shape
    angle = math.atan2(height, width) * (1 if canvas.chance(0.5) else -1)
    if canvas.length / canvas.size < 1.5:
        angle = canvas.uniform(0, math.pi)
    else:
        angle *= canvas.uniform(0, 1)
        if height > width:
            angle = math.pi / 2 - canvas.rng.normal(0, 0.3)
    field = blob(canvas, fill=(0.8, 1.0), ratio=(0.5, 0.9), rough=0.1)
    lines = streaks(
        canvas.rng,
        canvas.shape,
        angle=angle,
        length=max(8.0, canvas.length * canvas.uniform(0.5, 1.2)),
        width=max(1.5, canvas.size * canvas.uniform(0.03, 0.12)),
        octaves=3,
    )
    away = (canvas.x - width / 2) * math.cos(angle) + (canvas.y - height / 2) * math.sin(angle)
    thick = 0.75 - 0.5 * away / (0.5 * canvas.length) * (1 if canvas.chance(0.5) else -1)
    cover = np.clip((1.05 - field) * 3 + 0.4 * lines, 0, 1)
    amount = cover * np.clip(thick + 0.45 * lines, 0, 1.6) * canvas.uniform(0.5, 1.0)
    amount = (amount * canvas.strength).astype(np.float32)
    if canvas.chance(0.45):
        # Fingerprints and grease scatter light: paler than the ground, duller than it.
        haze = np.full(3, 0.55 + 0.3 * canvas.brightness) if canvas.brightness < 0.6 else None
        paste = canvas.colour(0.5, 0.48, 0.44) if haze is None else canvas.colour(*haze.tolist())
        paste = canvas.apart(paste, 0.25)
        image = canvas.mix(canvas.image, canvas.solid(paste), np.clip(0.6 * amount, 0, 0.85))
    else:
        ink = INKS[int(canvas.rng.integers(0, len(INKS)))]
        image = _tinted(canvas, canvas.image, canvas.colour(*ink), amount)
    return Layer(image, np.clip(amount * 2.2, 0, 1))


def burn(canvas: Canvas) -> Layer:
    """Scorched: charred in the middle, brown towards the edge, a pale yellow-brown halo around."""
    field = blob(
        canvas,
        fill=(0.8, 1.0),
        ratio=(0.5, 1.0),
        rough=canvas.uniform(0.12, 0.35),
        lobes=int(canvas.rng.integers(1, 4)),
    )
    heat = np.clip(1.05 - field, 0, 1)
    heat = np.clip(heat * canvas.uniform(1.1, 2.4) * canvas.strength, 0, 1)
    fine = fractal(canvas.rng, canvas.shape, cell=max(2.5, canvas.size / 8), octaves=4)
    heat = np.clip(heat + 0.12 * fine * (heat > 0.02) * np.clip(heat * 3, 0, 1), 0, 1)
    # Transmittances over heat: clean, toasted, brown, char.
    steps = np.array([0, 0.3, 0.65, 1.0])
    char = canvas.uniform(0.04, 0.15)
    red = np.interp(heat, steps, [1, 0.82, 0.4, char])
    green = np.interp(heat, steps, [1, 0.68, 0.26, char])
    blue = np.interp(heat, steps, [1, 0.5, 0.17, char])
    film = np.stack([red, green, blue], 2).astype(np.float32)
    if canvas.grey:
        film = np.repeat((film @ LUMA)[..., None], 3, 2)
    image = canvas.image * film
    crust = np.clip(heat * 2 - 1, 0, 1)
    image = relight(canvas, image, blur(fine * crust, 0.6) * 0.9, gain=0.6)
    image = image + (0.05 * crust * np.clip(fine, 0, 1))[..., None]
    if canvas.brightness < 0.3 or canvas.chance(0.15):
        # On dark ground a burn shows as ash.
        ash = np.clip(crust * (0.5 + 0.5 * fine), 0, 1) * canvas.uniform(0.3, 0.6)
        image = canvas.mix(image, canvas.solid(canvas.colour(0.6, 0.57, 0.54)), ash)
    return Layer(image, np.clip(heat * 4, 0, 1))


def rust(canvas: Canvas) -> Layer:
    """Corrosion: grainy patches from dark brown to orange, ragged, with a stained halo."""
    field = blob(
        canvas,
        fill=(0.8, 1.0),
        ratio=(0.45, 1.0),
        rough=canvas.uniform(0.15, 0.4),
        lobes=int(canvas.rng.integers(1, 5)),
    )
    coarse = fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 4), octaves=3)
    fine = fractal(canvas.rng, canvas.shape, cell=3.0, octaves=2)
    level = (1 - field) * canvas.uniform(1.6, 3.0) + 0.3 * coarse + 0.22 * fine
    alpha = np.clip(level * canvas.uniform(1.5, 4.0) + 0.2, 0, 1)
    alpha = alpha * np.clip((1.1 - field) * 5, 0, 1)
    grainy = canvas.uniform(0.08, 0.2)
    tone = np.clip(0.5 + 0.2 * coarse + grainy * fine - 0.25 * np.clip(level, 0, 1), 0, 1)
    steps = np.array([0, 0.35, 0.65, 1.0])
    ramp = np.stack(
        [
            np.interp(tone, steps, [0.16, 0.36, 0.58, 0.76]),
            np.interp(tone, steps, [0.09, 0.19, 0.31, 0.48]),
            np.interp(tone, steps, [0.07, 0.1, 0.13, 0.22]),
        ],
        2,
    ).astype(np.float32)
    if canvas.grey:
        # Without colour, rust is a dull mottled dark.
        ramp = np.repeat((ramp @ LUMA)[..., None], 3, 2)
        ramp = 0.35 * ramp.mean() + 0.65 * ramp
        if abs(float(ramp.mean()) - canvas.brightness) < 0.12:
            ramp = ramp * (0.5 if canvas.brightness > 0.25 else 1.7)
    light = np.clip(0.55 + 0.9 * canvas.brightness, 0.5, 1.15)
    image = canvas.mix(
        canvas.image,
        canvas.solid(ramp * light) + 0.4 * canvas.texture[..., None],
        np.clip(alpha * canvas.uniform(0.7, 1.0), 0, 1),
    )
    image = relight(
        canvas, image, blur(0.6 * fine + 0.5 * coarse, 0.5) * alpha, gain=canvas.uniform(0.3, 0.8)
    )
    return Layer(image, alpha)


def dark_area(canvas: Canvas) -> Layer:
    """A zone that gives less light, like an inactive part of a solar cell."""
    height, width = canvas.shape
    kind = canvas.rng.choice(["soft", "corner", "strip", "side"], p=[0.35, 0.25, 0.2, 0.2])
    if kind == "soft":
        field = blob(canvas, fill=(0.8, 1.0), ratio=(0.6, 1.0), rough=canvas.uniform(0.02, 0.15))
        cover = inside(field, softness=canvas.size * canvas.uniform(0.1, 0.5))
    else:
        left, right = width * canvas.uniform(0.03, 0.12), width * canvas.uniform(0.88, 0.97)
        top, bottom = height * canvas.uniform(0.03, 0.12), height * canvas.uniform(0.88, 0.97)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        if kind == "corner":
            # Cut off by a crack that runs from side to side.
            count = 9
            t = np.linspace(0, 1, count)[1:-1, None]
            ragged = canvas.rng.normal(0, 0.03 * canvas.size, (count - 2, 2))
            slanted = corners[2] + (corners[0] - corners[2]) * t + ragged
            corners = np.concatenate([corners[:3], slanted])
            if canvas.chance(0.5):
                corners[:, 0] = width - corners[:, 0]
            if canvas.chance(0.5):
                corners[:, 1] = height - corners[:, 1]
        elif kind == "strip":
            lean = canvas.rng.normal(0, 0.04, (4, 2)) * np.array([width, height])
            corners = corners + lean
        cover = polygon(canvas, corners)
        if kind == "side":
            # One border is straight, and the zone fades away from it.
            angle = canvas.uniform(0, 2 * math.pi)
            angle = round(angle / (math.pi / 2)) * math.pi / 2 if canvas.chance(0.7) else angle
            along = (canvas.x / width - 0.5) * math.cos(angle)
            along = along + (canvas.y / height - 0.5) * math.sin(angle)
            cover = cover * np.clip(1.0 - (along + 0.35) * canvas.uniform(0.8, 1.3), 0, 1)
        if canvas.chance(0.5):
            cover = blur(cover, canvas.uniform(0.4, 0.06 * canvas.size + 0.5))
    uneven = 1 + 0.12 * fractal(canvas.rng, canvas.shape, cell=max(5.0, canvas.size / 2))
    depth_ = np.clip(canvas.uniform(0.3, 0.75) * canvas.strength, 0, 0.93)
    image = canvas.image * (1 - np.clip(cover * depth_ * uneven, 0, 0.97))[..., None]
    return Layer(image, np.clip(cover * 1.3, 0, 1))
