"""Where a defect belongs: places whose surroundings look like those of the support shots.

Not of the papers, which place boxes anywhere on the object: a worn thread is then drawn on the
head of a screw. What surrounds a pixel is described by colour, brightness, busyness and the
object's share of it, at three scales and alike for every rotation, and on long parts with unlike
ends by where along them it lies; the defects of the shots are left out of their own surroundings.
How deep inside the part they lie counts besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.centres import cells_of
from anogen.placement.depth import depth, depth_of, likely
from anogen.placement.lengthwise import has_unlike_ends, lengthwise

_WORK = 112
"""Longer side at which surroundings are described."""

_SCALES = (0.5, 1.5, 3.0)
"""Deviations of the windows, as multiples of the defect's typical side."""

_SMALLEST = 2.0
"""Pixels of the working size: the least deviation of a window."""

_LARGEST = 0.15
"""Of the image's longer side: larger defects are described by windows of this side."""

_WIDTHS = (0.25, 0.4)
"""Least and most deviations by which surroundings may differ and are still alike."""

_LEAST = 1e-9
"""Mean likeness to a shot in an image that has no place like the shot's."""

_ENDS = 4
"""As how many of the others the place along a long part counts."""

LESS = 0.8
"""So much of the least share of a shot's box on its object suffices: boxes have a margin, too."""

Descriptor = NDArray[np.float32]


@dataclass(frozen=True)
class Small:
    """What of an image its surroundings are told from, at the working size ``(h, w)``.

    Attributes:
        colour: uint8 ``(h, w, 3)``.
        object: uint8 ``(h, w)``: the object's share of each pixel, 255 is all of it.
        defect: boolean ``(h, w)``: pixels to be left out; None in good images.
    """

    colour: NDArray[np.uint8]
    object: NDArray[np.uint8]
    defect: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Scene:
    """An image and what is known of it.

    Attributes:
        image: uint8 ``(H, W, 3)``.
        object: boolean ``(H, W)``: the part, told from its background.
        defect: boolean ``(H, W)``: to be left out; None in good images.
    """

    image: NDArray[np.uint8]
    object: NDArray[np.bool_]
    defect: NDArray[np.bool_] | None = None

    def small(self) -> Small:
        """The scene at the working size, which costs looking at all of its pixels."""
        near = None
        if self.defect is not None:
            grown = cv2.dilate(self.defect.astype(np.uint8), np.ones((3, 3), np.uint8))
            near = _shrunk(grown * 255) > 0
        share = self.object.view(np.uint8) * np.uint8(255)
        return Small(_shrunk(self.image), _shrunk(share), near)


@dataclass(frozen=True)
class Context:
    """The surroundings of one defect's shots.

    Attributes:
        side: typical side of the defect, as a share of the image's longer side.
        centres: ``(n, D)``, each shot's surroundings in deviations of those of good images.
        mean: ``(D,)`` of the surroundings in good images.
        deviation: ``(D,)``.
        width: how far from a shot's surroundings others still are alike.
        on_object: share of a box on the object that suffices, by how little of the shots' does.
        along: whether the place along the part is among the surroundings.
        depths: how deep inside the part each shot's defect lies, see ``depth``.
    """

    side: float
    centres: Descriptor
    mean: Descriptor
    deviation: Descriptor
    width: float
    on_object: float
    along: bool
    depths: tuple[float, ...]

    def likeness(self, scene: Small, shape: tuple[int, ...]) -> Descriptor:
        """How much the surroundings of every pixel, and its depth, are like the shots', in (0, 1].

        Places anywhere count as one more shot: three have not seen everything.

        Args:
            scene: the image.
            shape: its ``(H, W)`` before it was made small.

        Returns:
            float32 ``(H, W)``, of large images one value for each cell: see ``centres.cells_of``.
        """
        rows = (described(scene, self.side, along=self.along) - self.mean) / self.deviation
        inside = scene.object > 127
        total = np.ones(rows.shape[:2], np.float32)
        for centre in self.centres:
            alike = np.exp(-((rows - centre) ** 2).mean(axis=2) / (2 * self.width**2))
            # Each shot counts alike, whether many places of this image are like its own or few.
            there = alike[inside] if inside.any() else alike
            total += alike / max(float(there.mean()), _LEAST)
        total *= likely(depth(scene.object), self.depths)
        alike = (total / total.max()).astype(np.float32)
        full: Descriptor = cv2.resize(alike, cells_of(shape)[::-1], interpolation=cv2.INTER_LINEAR)
        return full


def context_of(shots: Sequence[Scene], goods: Sequence[Small]) -> Context:
    """The surroundings of the shots' defects, measured by how much those in good images differ.

    Args:
        shots: with their defects; at least one.
        goods: some good images.
    """
    masks = [shot.defect for shot in shots if shot.defect is not None]
    boxes = [(Box.around(mask), max(mask.shape)) for mask in masks]
    side = float(np.median([np.sqrt(box.area) / longer for box, longer in boxes]))
    along = has_unlike_ends([good.object for good in goods])
    there = []
    for good in goods:
        rows = described(good, side, along=along)
        inside = good.object > 127
        there.append(rows[inside] if inside.any() else rows.reshape(-1, rows.shape[2]))
    every = np.concatenate(there)
    mean, deviation = every.mean(axis=0), every.std(axis=0) + 1e-3
    centres = np.stack([_at_defect(shot, side, along=along) for shot in shots])
    centres = (centres - mean) / deviation
    apart = ((centres[:, None] - centres[None]) ** 2).mean(axis=2) ** 0.5
    between = apart[~np.eye(len(centres), dtype=bool)]
    width = float(np.clip(np.median(between), *_WIDTHS)) if len(between) else _WIDTHS[1]
    shares = [
        float(shot.object[Box.around(mask).slices].mean())
        for shot, mask in zip(shots, masks, strict=True)
    ]
    depths = tuple(
        depth_of(_share(mask), shot.small().object) for shot, mask in zip(shots, masks, strict=True)
    )
    return Context(side, centres, mean, deviation, width, LESS * min(shares), along, depths)


def described(scene: Small, side: float, *, along: bool) -> Descriptor:
    """The surroundings of every pixel at the working size, ``(h, w, D)``.

    Args:
        scene: the image.
        side: typical side of the defect, as a share of the image's longer side.
        along: whether the place along the object is among them.
    """
    lab = cv2.cvtColor(scene.colour, cv2.COLOR_RGB2LAB).astype(np.float32) / np.float32(255)
    object_ = scene.object.astype(np.float32) / np.float32(255)
    # Against the object's own mean: how bright the lamp was says nothing about the place.
    lab -= np.average(lab, axis=(0, 1), weights=np.repeat(object_[..., None] + 1e-6, 3, axis=2))
    grey: Descriptor = lab[..., 0]
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    channels = np.dstack([lab, slope]).astype(np.float32)
    weight = np.ones_like(grey)
    if scene.defect is not None:
        weight = (~scene.defect).astype(np.float32)
    parts = []
    for scale in _SCALES:
        reach = max(_SMALLEST, scale * min(side, _LARGEST) * max(grey.shape))
        total = np.maximum(_blurred(weight, reach), 1e-3)[..., None]
        known = _blurred(channels * weight[..., None], reach) / total
        square = _blurred(np.square(grey) * weight, reach)[..., None] / total
        varied = np.sqrt(np.maximum(square - known[..., :1] ** 2, 0))
        # A part that fills the image ends at its border.
        share = _blurred(object_, reach, border=cv2.BORDER_CONSTANT)[..., None]
        parts += [known, varied, share]
    if along:
        parts += [lengthwise(scene.object)[..., None]] * _ENDS
    return np.concatenate(parts, axis=2)


def _blurred(
    field: Descriptor, deviation: float, *, border: int = cv2.BORDER_REPLICATE
) -> Descriptor:
    soft: Descriptor = cv2.GaussianBlur(field, (0, 0), deviation, borderType=border)
    return soft


def _at_defect(shot: Scene, side: float, *, along: bool) -> Descriptor:
    """The mean surroundings of a shot's defect, ``(D,)``."""
    assert shot.defect is not None
    share = _share(shot.defect)
    weight = share / share.sum() if share.any() else np.full_like(share, 1 / share.size)
    found: Descriptor = (described(shot.small(), side, along=along) * weight[..., None]).sum(
        axis=(0, 1)
    )
    return found


def _share(defect: NDArray[np.bool_]) -> Descriptor:
    """A defect's share of each pixel of the working size, 255 is all of it."""
    return _shrunk(defect.astype(np.uint8) * 255).astype(np.float32)


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = min(1.0, _WORK / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: NDArray[np.uint8] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small
