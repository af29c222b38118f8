"""What a painter of defects works on: the cut-out of a region, its light, colours and grain."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.prior.world.defects.noise import Field, white

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Layer:
    """What a painter hands back: the canvas with its defect, and where the defect is.

    ``image`` is ``(H, W, 3)``, ``mask`` ``(H, W)`` in [0, 1]. ``shift`` says that the painter
    moved pixels rather than painted new ones, so the lens has already blurred them.
    """

    image: Field
    mask: Field
    shift: bool = False


@dataclass(frozen=True)
class Canvas:
    """The bounding box of a region, in float32 RGB in [0, 1], with all that a painter asks.

    ``whole`` is the image that the canvas was cut from at ``(left, top)``; ``window`` is
    ``(H, W)``, 1 where the defect may be drawn, falling to 0 at the region's border.
    ``strength`` multiplies contrasts: 1 is ordinary, more is asked for when too little showed.
    """

    image: Field
    whole: Field
    left: int
    top: int
    foreground: NDArray[np.bool_]
    whole_foreground: NDArray[np.bool_]
    window: Field
    rng: np.random.Generator
    light: tuple[float, float]
    strength: float
    grey: bool

    @property
    def shape(self) -> tuple[int, int]:
        """``(H, W)``."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def size(self) -> int:
        """The shorter side in pixels."""
        return min(self.shape)

    @property
    def length(self) -> int:
        """The longer side in pixels."""
        return max(self.shape)

    @cached_property
    def x(self) -> Field:
        """``(1, W)``: pixel centres from the left."""
        return np.arange(self.shape[1], dtype=np.float32)[None] + np.float32(0.5)

    @cached_property
    def y(self) -> Field:
        """``(H, 1)``: pixel centres from the top."""
        return np.arange(self.shape[0], dtype=np.float32)[:, None] + np.float32(0.5)

    @cached_property
    def tone(self) -> Field:
        """``(3,)``: the usual colour of the surface here."""
        inside = self.foreground & (self.window > 0.5)
        if inside.sum() < 8:
            inside = np.ones(self.shape, np.bool_)
        mean: Field = self.image[inside].mean(0)
        return mean

    @property
    def brightness(self) -> float:
        """Luma of :attr:`tone`."""
        return float(self.tone @ LUMA)

    @cached_property
    def background(self) -> Field | None:
        """``(3,)``: the colour behind the part; None where the part fills the image."""
        behind = ~self.whole_foreground
        if behind.mean() < 0.02:
            return None
        colour: Field = np.median(self.whole[::2, ::2][behind[::2, ::2]], 0)
        return colour if np.isfinite(colour).all() else None

    @cached_property
    def grain(self) -> float:
        """Standard deviation of the camera's noise, from the quietest part of the image."""
        luma = self.whole @ LUMA
        detail = np.abs(luma[1:, 1:] - luma[:-1, 1:] - luma[1:, :-1] + luma[:-1, :-1])
        blocks = cv2.blur(detail, (7, 7))[4::8, 4::8]
        # The mean of |a - b - c + d| for normal noise is 2 * sqrt(2 / pi) of its deviation.
        return float(min(np.percentile(blocks, 15) / 1.6, 0.04)) if blocks.size else 0.0

    @cached_property
    def texture(self) -> Field:
        """``(H, W)``: the surface's fine relief, zero mean, as luma differences."""
        luma = self.image @ LUMA
        fine: Field = luma - cv2.GaussianBlur(luma, (0, 0), 2.0)
        return fine

    @cached_property
    def outline(self) -> tuple[Field, Field, Field] | None:
        """The part's edge in the canvas; None where there is hardly any.

        Signed distance ``(H, W)`` in pixels, positive on the part, and the unit vector
        ``(H, W)``, ``(H, W)`` that points outwards, x and y.
        """
        part = float(self.foreground[self.window > 0].mean())
        if not 0.06 < part < 0.97:
            return None
        height, width = self.shape
        margin = 8
        rows = slice(max(0, self.top - margin), self.top + height + margin)
        columns = slice(max(0, self.left - margin), self.left + width + margin)
        on = self.whole_foreground[rows, columns].astype(np.uint8)
        signed = cv2.distanceTransform(on, cv2.DIST_L2, 3)
        signed = signed - cv2.distanceTransform(1 - on, cv2.DIST_L2, 3)
        # A mask's edge is a staircase; the part's is not.
        signed = cv2.GaussianBlur(signed, (0, 0), 1.5)
        dx = cv2.Scharr(signed, cv2.CV_32F, 1, 0, scale=1 / 32)
        dy = cv2.Scharr(signed, cv2.CV_32F, 0, 1, scale=1 / 32)
        norm = np.sqrt(dx * dx + dy * dy) + np.float32(1e-3)
        first, left = self.top - rows.start, self.left - columns.start
        here = np.s_[first : first + height, left : left + width]
        return signed[here], (-dx / norm)[here], (-dy / norm)[here]

    def uniform(self, low: float, high: float) -> float:
        """One number between the two."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def colour(self, red: float, green: float, blue: float, *, vary: float = 0.04) -> Field:
        """``(3,)``: a colour with a little chance in it; its luma on grey images."""
        values = np.array([red, green, blue]) * self.uniform(0.85, 1.15)
        values = values + self.rng.normal(0, vary, 3)
        if self.grey:
            values = np.full(3, values @ LUMA)
        clipped: Field = np.clip(values, 0.01, 0.99).astype(np.float32)
        return clipped

    def apart(self, colour: Field, distance: float) -> Field:
        """``colour``, made lighter or darker until it differs this much from the surface."""
        gap = float(np.abs(colour - self.tone).max())
        wanted = min(distance * self.strength, 0.9)
        if gap >= wanted:
            return colour
        step = wanted - gap
        lighter = float(colour @ LUMA) > self.brightness
        if self.brightness > 0.8 or self.brightness < 0.2:
            lighter = self.brightness < 0.2
        moved: Field = np.clip(colour + (step if lighter else -step), 0.0, 1.0)
        return moved

    def solid(self, colour: Field, *, relief: float = 0.0) -> Field:
        """``(H, W, 3)``: a material of this colour, with the camera's grain.

        Args:
            colour: ``(3,)``, or ``(H, W, 3)``.
            relief: how much of its own fine unevenness, as a deviation of brightness.
        """
        noise = self.grain * white(self.rng, self.shape)
        if relief > 0:
            noise = noise + relief * cv2.GaussianBlur(white(self.rng, self.shape), (0, 0), 0.8)
        painted: Field = np.broadcast_to(colour, self.image.shape) + noise[..., None]
        return painted

    def mix(self, below: Field, above: Field, alpha: Field) -> Field:
        """``above`` over ``below`` where ``alpha`` ``(H, W)`` says."""
        mixed: Field = below + (above - below) * alpha[..., None]
        return mixed


def make_canvas(
    image: Field,
    foreground: NDArray[np.bool_],
    region: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    strength: float,
) -> Canvas:
    """The canvas of a region: its bounding box, and a window that is feathered at its border.

    Args:
        image: ``(S, S, 3)`` in [0, 1].
        foreground: ``(S, S)``, the part.
        region: ``(S, S)``, not empty: where the defect may change pixels.
        rng: source of randomness.
        strength: multiplies contrasts, 1 and more.
    """
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cut = region[top:bottom, left:right]
    # The frame of the image is no border of the defect: a real one runs on beyond it.
    edges = (top > 0, bottom < region.shape[0], left > 0, right < region.shape[1])
    padded = np.pad(cut.astype(np.uint8), 1, mode="edge")
    inner = np.zeros_like(padded)
    rows_kept = slice(1 if edges[0] else 0, -1 if edges[1] else None)
    columns_kept = slice(1 if edges[2] else 0, -1 if edges[3] else None)
    inner[rows_kept, columns_kept] = padded[rows_kept, columns_kept]
    inward = cv2.distanceTransform(inner, cv2.DIST_L2, 3)[1:-1, 1:-1]
    feather = max(1.0, min(cut.shape) * 0.06)
    window = np.clip((inward - 0.4) / feather, 0, 1) * cut
    # Light mostly comes from above; photographs with light from below look inverted to people.
    angle = rng.normal(-math.pi / 2, 0.7)
    crop = image[top:bottom, left:right]
    return Canvas(
        image=crop,
        whole=image,
        left=int(left),
        top=int(top),
        foreground=foreground[top:bottom, left:right],
        whole_foreground=foreground,
        window=window.astype(np.float32),
        rng=rng,
        light=(math.cos(angle), math.sin(angle)),
        strength=strength,
        grey=bool(np.ptp(image, axis=2).max() < 2e-3),
    )
