"""Draw a named defect on an image: the vocabulary, the retries and the promise about the region."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from anogen.errors import InputError
from anogen.prior.world.defects import (
    bulges,
    cracks,
    edges,
    fibres,
    lines,
    particles,
    pits,
    stains,
    surfaces,
    warps,
)
from anogen.prior.world.defects.canvas import LUMA, Canvas, Layer, make_canvas
from anogen.prior.world.defects.noise import Field
from anogen.prior.world.defects.relief import blur

Painter = Callable[[Canvas], Layer]

PAINTERS: dict[str, Painter] = {
    "scratch": lines.scratch,
    "crack": cracks.crack,
    "hole": pits.hole,
    "dent": bulges.dent,
    "stain": stains.stain,
    "contamination": particles.contamination,
    "colour": stains.colour,
    "cut": lines.cut,
    "chip": edges.chip,
    "bent": warps.bent,
    "missing": warps.missing,
    "print": surfaces.print_,
    "fold": bulges.fold,
    "thread": fibres.thread,
    "glue": particles.glue,
    "burn": stains.burn,
    "poke": pits.poke,
    "squeeze": bulges.squeeze,
    "break": edges.break_,
    "blowhole": pits.blowhole,
    "rust": stains.rust,
    "bubble": bulges.bubble,
    "smear": stains.smear,
    "pitting": pits.pitting,
    "flash": edges.flash,
    "misaligned": warps.misaligned,
    "rough": surfaces.rough,
    "fray": fibres.fray,
    "inclusion": particles.inclusion,
    "dark_area": stains.dark_area,
}
"""Each word's painter."""

WORDS: tuple[str, ...] = tuple(PAINTERS)
"""The vocabulary, without "normal" and "defect"."""

BEYOND = frozenset(
    {
        "thread",
        "contamination",
        "flash",
        "fray",
        "bent",
        "squeeze",
        "missing",
        "break",
        "chip",
        "misaligned",
        "glue",
    }
)
"""Words whose defects may stick out over the part's outline."""

VISIBLE = 0.06
"""Change of a channel that counts as seen: 15 of 255 levels."""

ATTEMPTS = 4


def draw_defect(
    word: str,
    image: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    region: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a defect on an image, within a region and mostly on the foreground.

    Args:
        word: one of :data:`WORDS`.
        image: ``(S, S, 3)`` RGB in [0, 1]; an image of three equal channels stays grey.
        foreground: ``(S, S)``, the part.
        region: ``(S, S)``, where pixels may change; its bounding box is the defect's size.
        rng: the only source of randomness.

    Returns:
        The image with the defect, byte for byte the same outside the region, and the soft mask
        ``(S, S)`` in [0, 1] of the defect, 0 outside the region.

    Raises:
        InputError: for an unknown word, shapes that do not agree, or an empty region.
    """
    if word not in PAINTERS:
        raise InputError(f"Unknown defect word {word!r}; use one of {', '.join(WORDS)}.")
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"The image has shape {image.shape}; give (H, W, 3) RGB in [0, 1].")
    if foreground.shape != image.shape[:2] or region.shape != image.shape[:2]:
        raise InputError(
            f"Image {image.shape[:2]}, foreground {foreground.shape} and region {region.shape} "
            "differ in size; give all three the same height and width."
        )
    if not region.any():
        raise InputError("The region is empty; mark at least one pixel where the defect may be.")
    allowed = region
    limited = region & foreground
    if word not in BEYOND and limited.sum() >= max(30, 0.15 * region.sum()):
        allowed = limited
    source = np.ascontiguousarray(image, np.float32)
    best: tuple[float, Canvas, Field, Field] | None = None
    for attempt in range(ATTEMPTS):
        canvas = make_canvas(source, foreground, allowed, rng, strength=1.0 + 0.6 * attempt)
        layer = PAINTERS[word](canvas)
        painted, mask = _finish(canvas, layer)
        seen = _seen(canvas, painted, mask)
        if best is None or seen > best[0]:
            best = (seen, canvas, painted, mask)
        if seen >= 1.0:
            break
    assert best is not None
    seen, canvas, painted, mask = best
    if seen < 1.0:
        painted, mask = _emphasised(canvas, painted, mask)
    result = source.copy()
    soft = np.zeros(image.shape[:2], np.float32)
    height, width = canvas.shape
    box = np.s_[canvas.top : canvas.top + height, canvas.left : canvas.left + width]
    keep = canvas.window > 0
    result[box][keep] = painted[keep]
    soft[box] = mask
    return result, soft


def _finish(canvas: Canvas, layer: Layer) -> tuple[Field, Field]:
    """The painted canvas through the lens and the window, and its mask."""
    change: Field = layer.image - canvas.image
    if not layer.shift:
        # New edges get the softness that a lens gives to all others.
        change = blur(change, canvas.uniform(0.3, 0.6))
    if canvas.grey:
        change = np.repeat((change @ LUMA)[..., None], 3, 2)
    painted: Field = np.clip(canvas.image + change * canvas.window[..., None], 0, 1)
    # What changed much belongs to the defect, a deep shadow too.
    plain = np.clip(5 * np.abs(painted - canvas.image).max(2) - 0.5, 0, 1)
    mask = np.maximum(np.clip(layer.mask, 0, 1) * canvas.window, plain)
    if canvas.grey:
        painted = np.repeat(painted[..., :1], 3, 2)
    return painted.astype(np.float32), mask.astype(np.float32)


def _seen(canvas: Canvas, painted: Field, mask: Field) -> float:
    """1 and more where enough pixels changed, and by more than the surface's own texture."""
    change = np.abs(painted - canvas.image).max(2)
    marked = mask > 0.3
    if not marked.any():
        return 0.0
    pixels = int(((change > VISIBLE) & marked).sum())
    wanted = min(max(14.0, 0.12 * float(marked.sum())), float((canvas.window > 0).sum()))
    usual = float(np.abs(canvas.texture).mean())
    strong = float(np.quantile(change[marked], 0.85))
    return min(pixels / wanted, strong / (VISIBLE + 0.8 * usual))


def _emphasised(canvas: Canvas, painted: Field, mask: Field) -> tuple[Field, Field]:
    """The last resort: the mask's inside made plainly darker or lighter."""
    if float((mask > 0.3).sum()) < 14:
        height, width = canvas.shape
        u, v = canvas.x / width * 2 - 1, canvas.y / height * 2 - 1
        room: Field = np.clip((0.85 - np.sqrt(u * u + v * v)) * canvas.size * 0.5, 0, 1)
        mask = np.maximum(mask, room.astype(np.float32) * (canvas.window > 0))
    push = -0.3 if canvas.brightness > 0.4 else 0.3
    pushed: Field = np.clip(painted + push * mask[..., None], 0, 1)
    if canvas.grey:
        pushed = np.repeat(pushed[..., :1], 3, 2)
    return pushed.astype(np.float32), mask
