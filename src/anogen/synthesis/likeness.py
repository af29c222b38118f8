"""Whether a drawn defect looks like the real ones of its type, or more like others.

A defect is described by how a network's features of the place change when it is drawn there, so
that the place itself does not count. What its type looks like is known from the support shots of
all types, each pasted onto good parts many times: that also tells which changes come from the place
and the blending. Types are therefore looked at as in linear discriminant analysis (Fisher, 1936),
with the covariance that the pastes have within their types. What counts is in which direction from
the middle of all types a defect lies: how far says how strong it is, and real ones are stronger or
fainter than the shots. A product of one type is told from anomalies of none: DRAEM's, of the shots'
sizes (:func:`strangers`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.data.images import to_rgb8
from anogen.placement.box import Box
from anogen.synthesis.canvas import FULL
from anogen.synthesis.contract import Image, Support
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.draem import DraemSynthesizer
from anogen.synthesis.mask_recovery import recover_mask

CROP = 128
"""Side in pixels at which defects are compared."""

AROUND, LEAST_SIDE = 1.5, 32
"""Side of the crop as a multiple of the defect's longer side, and its least in pixels."""

LEAST_STRANGER = 16
"""Least side in pixels of an anomaly of no type; Perlin's noise needs some room."""

Value = TypeVar("Value", np.uint8, np.float32)

PASTES = 10
"""Times that each shot is pasted."""

SHRINKAGE = 0.7
"""Weight of the even covariance, as a few shots do not tell the whole one."""

LEAST_LIKENESS = 0.87
"""Nine in ten real defects on other parts have it, with some shots fewer (``benchmarks/masks``).
Where types cannot be told apart, all defects have a likeness of about 1."""


def crop_around(
    image: Image, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The defect in the middle of a square, mirrored in where that leaves the image.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.

    Returns:
        uint8 ``(CROP, CROP, 3)``, and how much of each of its pixels is defective, in [0, 1].
    """
    box = Box.around(mask)
    side = max(round(AROUND * max(box.width, box.height)) + 8, LEAST_SIDE)
    y, x = (box.y0 + box.y1 - side) // 2, (box.x0 + box.x1 - side) // 2
    height, width = mask.shape
    rows = slice(max(y, 0), min(y + side, height))
    columns = slice(max(x, 0), min(x + side, width))
    beyond = (rows.start - y, y + side - rows.stop), (columns.start - x, x + side - columns.stop)
    # Symmetric, as it may reach further than the image is wide.
    part = np.pad(to_rgb8(image[rows, columns]), (*beyond, (0, 0)), "symmetric")
    inside = np.pad(mask[rows, columns], beyond).astype(np.float32)
    method = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
    crop: NDArray[np.uint8] = cv2.resize(part, (CROP, CROP), interpolation=method)
    weight: NDArray[np.float32] = cv2.resize(inside, (CROP, CROP), interpolation=cv2.INTER_AREA)
    return crop, weight


def views(array: NDArray[Value]) -> list[NDArray[Value]]:
    """Four of the eight turns and mirrorings of a square, the one that was given first."""
    mirrored = array[:, ::-1]
    return [array, np.rot90(array, 2), np.rot90(mirrored, 1), np.rot90(mirrored, 3)]


def descriptor(
    drawn: Sequence[NDArray[np.float32]],
    normal: Sequence[NDArray[np.float32]],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """How a defect changes the features of its place.

    Args:
        drawn: features ``(C, h, w)`` of a crop at several strides.
        normal: those of the same crop without the defect.
        weight: ``(CROP, CROP)``, of :func:`crop_around`.

    Returns:
        float32, for each stride ``C`` values of length 1: the mean change over the defect.
    """
    changes = []
    for after, before in zip(drawn, normal, strict=True):
        shape = (after.shape[2], after.shape[1])
        share = cv2.resize(np.ascontiguousarray(weight), shape, interpolation=cv2.INTER_AREA)
        change = ((after - before) * share).sum(axis=(1, 2))
        changes.append(change / max(float(np.linalg.norm(change)), 1e-12))
    return np.concatenate(changes).astype(np.float32)


def trials(
    shot: Support,
    normals: Sequence[Image],
    objects: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
    *,
    margin: float,
) -> Iterator[tuple[Image, Image, NDArray[np.bool_]]]:
    """A shot pasted onto normals :data:`PASTES` times, without those of which nothing is seen.

    Args:
        shot: the defect.
        normals: good images.
        objects: where a defect may lie on each, boolean ``(H, W)``, none empty.
        rng: the source of randomness.
        margin: room around the paste in which its mask is recovered, as a share of its size.

    Yields:
        The image, the normal below it, and the mask that the two tell, boolean ``(H, W)``.
    """
    paste = CropPasteSynthesizer([shot])
    for _ in range(PASTES):
        number = int(rng.integers(len(normals)))
        normal = normals[number]
        pasted = paste(normal, objects[number], rng)
        box = pasted.box
        reach = round(margin * max(box.width, box.height)) + 1
        mask = _changed(pasted.image, normal, box.grown(reach, *normal.shape[:2]))
        if mask.any():
            yield pasted.image, normal, mask


def strangers(
    shots: Sequence[Support],
    normals: Sequence[Image],
    objects: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
) -> Iterator[tuple[Image, Image, NDArray[np.bool_]]]:
    """As many anomalies of no type as :func:`trials` makes of some shots, as large as these.

    Args:
        shots: the defects whose sizes are taken.
        normals: good images.
        objects: where a defect may lie on each, boolean ``(H, W)``, none empty.
        rng: the source of randomness.

    Yields:
        As :func:`trials`.
    """
    draw = DraemSynthesizer()
    sides = [Box.around(mask) for _, mask in shots]
    for _ in range(PASTES * len(shots)):
        number = int(rng.integers(len(normals)))
        normal, object_ = normals[number], objects[number]
        like = sides[int(rng.integers(len(sides)))]
        before = np.cumsum(object_.sum(axis=1))
        spot = int(rng.integers(before[-1]))
        y = int(np.searchsorted(before, spot, side="right"))
        x = int(np.flatnonzero(object_[y])[spot - before[y]])
        reach = max(like.width, like.height, LEAST_STRANGER) // 2
        part = Box(x, y, x + 1, y + 1).grown(reach, *object_.shape)
        shown = normal.copy()
        drawn = draw(normal[part.slices].copy(), object_[part.slices].copy(), rng)
        shown[part.slices] = drawn.image
        mask = _changed(shown, normal, part)
        if mask.any():
            yield shown, normal, mask


def _changed(image: Image, normal: Image, window: Box) -> NDArray[np.bool_]:
    """The mask that an image tells beside its normal, looked for in a window."""
    shown, below = (
        np.asarray(one[window.slices] / FULL[one.dtype], np.float32) for one in (image, normal)
    )
    mask = np.zeros(normal.shape[:2], dtype=bool)
    mask[window.slices] = recover_mask(shown, below, np.ones(shown.shape[:2], dtype=bool)) >= 0.5
    return mask


@dataclass(frozen=True)
class Types:
    """What tells the types of a product's defects apart.

    Attributes:
        centres: of each type, ``(C,)``, its mean descriptor times ``whitening``.
        whitening: ``(C, C)``, after which all descriptors spread evenly within their types.
    """

    centres: dict[str, NDArray[np.float64]]
    whitening: NDArray[np.float64]

    @staticmethod
    def of(described: Mapping[str, NDArray[np.float32]]) -> "Types":
        """From descriptors ``(N, C)`` of examples of every type, none empty; there may be none.

        The covariance is that within the types, each feature in units of its deviation over all
        examples, and ``(1 - SHRINKAGE) S + SHRINKAGE tr(S) / C I``.
        """
        if not described:
            return Types({}, np.zeros((0, 0)))
        every = np.concatenate(list(described.values())).astype(np.float64)
        scale = every.std(axis=0)
        scale += 1e-3 * every.std() + 1e-12
        means = {name: found.mean(axis=0) for name, found in described.items()}
        within = np.concatenate([found - means[name] for name, found in described.items()]) / scale
        covariance = within.T @ within / len(within)
        even = max(float(np.trace(covariance)) / len(covariance), 1e-12)
        covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * even * np.eye(len(covariance))
        values, vectors = np.linalg.eigh(covariance)
        whitening = vectors / np.sqrt(values) / scale[:, None]
        return Types({name: mean @ whitening for name, mean in means.items()}, whitening)

    def likeness(self, drawn: NDArray[np.float32], defect: str) -> float | None:
        """How much more a defect looks like its own type than like any other.

        Args:
            drawn: ``(C,)``, its descriptor.
            defect: its type.

        Returns:
            In [0, 2]: 1 and half the difference between the cosines that the defect's direction
            from the mean of all centres has with those of its own centre and of the most similar
            other one. Above 1 it looks more like its own. None if there is nothing to compare.
        """
        if defect not in self.centres or len(self.centres) < 2:
            return None
        middle = np.mean(list(self.centres.values()), axis=0)
        at = drawn @ self.whitening - middle
        cosines = {name: _cosine(at, centre - middle) for name, centre in self.centres.items()}
        own = cosines.pop(defect)
        return 1 + (own - max(cosines.values())) / 2


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0
