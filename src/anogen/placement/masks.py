"""Masks for new defects: the real ones of the support shots, varied and put on the object.

A direct stand-in for the learned masks of AnomalyDiffusion (Hu et al., AAAI 2024, Eq. 9), for which
a few masks are little to learn from: parts of the real masks are recombined, turned, stretched,
bent and made thicker or thinner, at sizes, orientations and places like theirs. A mask is warped as
a field of signed distances to its outline, so that thin lines neither vanish nor fray.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.errors import NoPlaceError
from anogen.placement.box import Box
from anogen.placement.boxes import Ground, Place
from anogen.placement.centres import Centres
from anogen.placement.settings import PlacementSettings

COPY = 0.9
"""IoU with a support mask, centred on it, from which a mask is its copy."""

SMALLER, LARGER = 0.5, 2.0
"""Legal areas, as multiples of the smallest and largest support mask's."""

LEAST_AREA = 6
"""Pixels that a person can still see."""

SWAPPED = 0.3
"""How often a part is taken from another support mask, or from elsewhere in the same; and how often
a mask has another one's area."""

STRETCH, BEND, THICKNESS = 0.15, 0.08, 0.2
"""Deviation of the logarithm of the aspect; largest displacement as a share of the mask's size;
deviation of the logarithm of the width of its lines."""

KNOWN, ALIGNED, WOBBLE = 3, 0.8, 10.0
"""Support masks from which a common direction may be told, the share of agreement from which there
is one, and degrees by which a mask leaves it at least."""

NEAR, SPREAD = 0.5, 0.12
"""How often a mask lies where a support mask does, and the deviation, as a share of the object;
where nothing is known of the surroundings."""

MOST_PARTS = 12
"""The largest parts of a mask that are varied; more are grains."""


@dataclass(frozen=True)
class _Shape:
    """A support mask cut to its box.

    Attributes:
        parts: boolean ``(h, w)`` each, disjoint, largest first.
        area: share of the image.
        scale: square root of the image's number of pixels, the unit of lengths.
        angle: of the long axis, radians.
        elongation: long over short axis, 1 and more.
        place: centre as a share of the object's box ``(x, y)``; None where that says nothing.
    """

    parts: tuple[NDArray[np.bool_], ...]
    area: float
    scale: float
    angle: float
    elongation: float
    place: tuple[float, float] | None

    @property
    def whole(self) -> NDArray[np.bool_]:
        """All parts together."""
        union: NDArray[np.bool_] = np.logical_or.reduce(self.parts)
        return union


class MaskVariation:
    """Draws masks like the support masks of one defect.

    The test masks are never read, so that no mask can be drawn after them.

    Args:
        masks: support masks, boolean ``(H, W)``, none empty.
        objects: the object in each support image, boolean ``(H, W)``; none: places mean nothing.
        settings: rules of placement.

    Raises:
        ValueError: without a mask, or with another number of objects.
    """

    kind = "varied"
    """How the masks came about, as errors say it."""
    broken: Mapping[str, str] = {
        "border": "did not fit into the image; lower placement.border",
        "size": "were smaller or larger than the support masks allow; lower placement.size_jitter",
        "object": "lay too little on the object; lower placement.on_foreground or change "
        "placement.foreground",
        "forbidden": "touched forbidden pixels; change placement.forbidden",
        "taken": "met another defect; lower placement.defects",
        "copy": "were copies of a support mask; raise placement.size_jitter",
        "cut": "were smaller than the support masks allow once cut to the object; change "
        "placement.foreground or placement.legal",
    }
    """What a rule's name says of the masks that broke it."""

    def __init__(
        self,
        masks: Sequence[NDArray[np.bool_]],
        *,
        objects: Sequence[NDArray[np.bool_]] = (),
        settings: PlacementSettings,
    ) -> None:
        if not masks or (objects and len(objects) != len(masks)):
            raise ValueError(f"{len(masks)} masks and {len(objects)} objects")
        known: list[NDArray[np.bool_] | None] = [*objects] or [None] * len(masks)
        self._shapes = [_shape(mask, object_) for mask, object_ in zip(masks, known, strict=True)]
        self._settings = settings
        self._direction = _direction(self._shapes)

    def draw(
        self,
        ground: Ground,
        rng: np.random.Generator,
        *,
        what: str,
        taken: Sequence[Place] = (),
        cut: Callable[[Place], Place | None] | None = None,
    ) -> Place:
        """A mask on the object, of legal size, not empty, no copy of a support mask.

        When half of ``settings.attempts`` have failed, masks shrink little by little down to half
        of their size.

        Args:
            ground: what is known of the image.
            rng: the source of randomness.
            what: names image and defect in the error.
            taken: places whose boxes are kept free.
            cut: what will be left of a place, None if nothing: it keeps the rules, too; None: all
                of it.

        Raises:
            NoPlaceError: if no mask is found, naming the rule that most of them broke.
        """
        allowed = ground.open
        if not allowed.any():
            raise NoPlaceError(
                f"{what}: no pixel may carry a defect; check placement.legal, placement.forbidden "
                "and placement.foreground."
            )
        failed: Counter[str] = Counter()
        for attempt in range(self._settings.attempts):
            shrink = 1 - max(0.0, attempt / self._settings.attempts - 0.5)
            mask = self._new(float(np.sqrt(allowed.size)), shrink, rng)
            # Known surroundings say more than where on the object the shots' defects lie.
            near = ground.extent if ground.likeness is None else None
            place = self._placed(mask, allowed.shape, ground.centres, near, rng)
            problem = "border" if place is None else self._problem(place, ground, shrink)
            if place is not None and problem is None and cut is not None:
                problem = self._left(cut(place), ground, shrink)
            if place is not None and any(_meet(place.box, other.box) for other in taken):
                problem = "taken"
            if place is not None and problem is None:
                return place
            failed[str(problem)] += 1
        worst, times = failed.most_common(1)[0]
        raise NoPlaceError(
            f"{what}: none of {self._settings.attempts} {self.kind} masks could be placed; {times} "
            f"{self.broken[worst]}."
        )

    def draw_several(
        self,
        ground: Ground,
        rng: np.random.Generator,
        *,
        count: int,
        what: str,
        cut: Callable[[Place], Place | None] | None = None,
    ) -> list[Place]:
        """``count`` masks as of :meth:`draw`, their boxes apart."""
        found: list[Place] = []
        for _ in range(count):
            found.append(self.draw(ground, rng, what=what, taken=found, cut=cut))
        return found

    def _new(self, scale: float, shrink: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """A new shape for an image of ``scale`` squared pixels, cut to its box."""
        shape = self._shapes[int(rng.integers(len(self._shapes)))]
        source = self._recombined(shape, rng)
        like = shape
        if rng.random() < SWAPPED:
            like = self._shapes[int(rng.integers(len(self._shapes)))]
        area = like.area * float(np.exp(rng.normal(0, 2 * self._settings.size_jitter)))
        if LARGER * max(one.area for one in self._shapes) * scale**2 < LEAST_AREA:
            # None of the shots is as large as can be seen.
            area = 1.5 * LEAST_AREA / scale**2
        factor = shrink * scale * float(np.sqrt(area / source.sum()))
        stretch = float(np.exp(rng.normal(0, STRETCH)))
        turn, mirror = self._turn(shape, rng)
        along = np.array([[np.cos(shape.angle), -np.sin(shape.angle)],
                          [np.sin(shape.angle), np.cos(shape.angle)]])  # fmt: skip
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        stretched = along @ np.diag([stretch, mirror / stretch]) @ along.T
        return _warped(source, factor * turned @ stretched, factor, rng)

    def _recombined(self, shape: _Shape, rng: np.random.Generator) -> NDArray[np.bool_]:
        """The shape with some of its parts exchanged for others of the same size."""
        pool = [part for one in self._shapes for part in one.parts]
        canvas = np.pad(shape.whole, max(shape.whole.shape) // 2 + 1)
        if len(pool) < 2:
            return canvas
        margin = max(shape.whole.shape) // 2 + 1
        result = np.zeros_like(canvas)
        for part in shape.parts:
            if rng.random() >= SWAPPED:
                result |= np.pad(part, margin)
                continue
            other = pool[int(rng.integers(len(pool)))]
            box, new = Box.around(part), Box.around(other)
            factor = float(np.sqrt(part.sum() / other.sum()))
            cut = other[new.slices].astype(np.float32)
            size = [max(1, round(factor * side)) for side in (new.width, new.height)]
            cut = cv2.resize(cut, (size[0], size[1]), interpolation=cv2.INTER_AREA)
            found = cut >= min(0.5, float(cut.max()))
            top = margin + (box.y0 + box.y1 - found.shape[0]) // 2
            left = margin + (box.x0 + box.x1 - found.shape[1]) // 2
            beyond = max(-top, -left, top + found.shape[0] - result.shape[0],
                         left + found.shape[1] - result.shape[1], 0)  # fmt: skip
            if beyond:  # a long, bent part is much larger than the one it stands for
                result, margin = np.pad(result, beyond), margin + beyond
                top, left = top + beyond, left + beyond
            result[top : top + found.shape[0], left : left + found.shape[1]] |= found
        return result

    def _turn(self, shape: _Shape, rng: np.random.Generator) -> tuple[float, float]:
        """Radians by which a shape is turned, and -1 where it is mirrored along its axis."""
        mirror = -1.0 if self._settings.turn and rng.random() < 0.5 else 1.0
        if self._direction is not None:
            mean, deviation = self._direction
            half = np.pi * int(rng.integers(2)) if self._settings.turn else 0.0
            return mean + float(rng.normal(0, deviation)) - shape.angle + half, mirror
        if self._settings.turn:
            return float(rng.uniform(0, 2 * np.pi)), mirror
        return float(rng.normal(0, np.deg2rad(WOBBLE))), mirror

    def _placed(
        self,
        mask: NDArray[np.bool_],
        frame: tuple[int, ...],
        centres: Centres,
        around: Box | None,
        rng: np.random.Generator,
    ) -> Place | None:
        """The mask with its centre on an allowed pixel, often where around the object a support
        mask has it; None if it does not fit the image."""
        y, x = centres.draw(rng)
        usual = [shape.place for shape in self._shapes if shape.place is not None]
        if around is not None and usual and rng.random() < NEAR:
            share = np.array(usual[int(rng.integers(len(usual)))]) + rng.normal(0, SPREAD, 2)
            x, y = (
                round(v) for v in (around.x0, around.y0) + share * (around.width, around.height)
            )
        height, width = mask.shape
        border = self._settings.border
        top, left = int(y) - height // 2, int(x) - width // 2
        top = min(max(top, border), frame[0] - border - height)
        left = min(max(left, border), frame[1] - border - width)
        if top < border or left < border:
            return None
        return Place(Box(left, top, left + width, top + height), mask)

    def _problem(self, place: Place, ground: Ground, shrink: float) -> str | None:
        """The rule that a place breaks, by its name in ``broken``."""
        mask, rows = place.shape, place.box.slices
        area = mask.sum() / ground.object.size
        areas = [shape.area for shape in self._shapes]
        pixels = int(mask.sum())
        largest = max(LARGER * max(areas) * ground.object.size, 2 * LEAST_AREA)
        if not (LEAST_AREA <= pixels <= largest and SMALLER * shrink**2 * min(areas) <= area):
            return "size"
        share = ground.allowed[rows][mask].mean()
        if share == 0 or share < min(self._settings.on_foreground, ground.on_object):
            return "object"
        if ground.forbidden is not None and ground.forbidden[rows][mask].any():
            return "forbidden"
        scale = float(np.sqrt(ground.object.size))
        if any(is_copy(mask, scaled(s.whole, scale / s.scale)) for s in self._shapes):
            return "copy"
        return None

    def _left(self, left: Place | None, ground: Ground, shrink: float) -> str | None:
        """The rule that what is left of a place breaks; sizes fail by the cut then."""
        if left is None:
            return "cut"
        problem = self._problem(left, ground, shrink)
        return "cut" if problem == "size" else problem


def _shape(mask: NDArray[np.bool_], object_: NDArray[np.bool_] | None) -> _Shape:
    box = Box.around(mask)
    cut = mask[box.slices]
    _, labels, facts, _ = cv2.connectedComponentsWithStats(cut.astype(np.uint8), connectivity=8)
    largest = np.argsort(-facts[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_PARTS] + 1
    angle, elongation = _axis(cut)
    place = None
    if object_ is not None and object_.any() and not object_.all():
        around = Box.around(object_)
        y, x = np.argwhere(mask).mean(axis=0)
        place = ((float(x) - around.x0) / around.width, (float(y) - around.y0) / around.height)
    return _Shape(
        parts=tuple(labels == index for index in largest),
        area=float(mask.mean()),
        scale=float(np.sqrt(mask.size)),
        angle=angle,
        elongation=elongation,
        place=place,
    )


def _axis(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Angle of the long axis in radians, and long over short axis, from second moments."""
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    # A pixel is a square: its own moments keep a line of pixels from being infinitely thin.
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((2, 2))
    values, vectors = np.linalg.eigh(spread + np.eye(2) / 12)
    return float(np.arctan2(vectors[1, 1], vectors[0, 1])), float(np.sqrt(values[1] / values[0]))


def _direction(shapes: Sequence[_Shape]) -> tuple[float, float] | None:
    """Mean direction of long shapes and its deviation in radians; None if there is none."""
    angles = np.array([shape.angle for shape in shapes if shape.elongation > 1.5])
    if len(angles) < max(KNOWN, len(shapes) / 2):
        return None
    # Axes have no head: angles count double, so that opposite ones agree.
    mean = np.exp(2j * angles).mean()
    agreement = float(np.abs(mean))
    if agreement < ALIGNED:
        return None
    deviation = float(np.sqrt(-2 * np.log(min(agreement, 1.0)))) / 2
    return float(np.angle(mean)) / 2, max(deviation, float(np.deg2rad(WOBBLE)))


def _warped(
    mask: NDArray[np.bool_],
    linear: NDArray[np.float64],
    factor: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The mask under a linear map of scale ``factor``, bent, at another thickness, cut to its box.

    Never empty: lines keep a width of about a pixel.
    """
    padded = np.pad(mask, 2).astype(np.uint8)
    inner = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)
    distance = np.where(padded > 0, inner - 0.5, 0.5 - outer).astype(np.float32) * factor
    half = max(float(distance.max()), 0.25)
    thicker = half * (float(np.exp(rng.normal(0, THICKNESS))) - 1)
    thicker = max(thicker, 0.5 - half)
    box = Box.around(mask)
    centre = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 + 1.5
    corners = np.array([[x, y] for x in (box.x0, box.x1) for y in (box.y0, box.y1)]) + 1.5
    reach = np.abs((corners - centre) @ linear.T).max(axis=0)
    amplitude = BEND * float(np.hypot(*reach))
    width, height = (2 * int(np.ceil(side + thicker + 2 * amplitude)) + 5 for side in reach)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y += amplitude * _smooth((height, width), rng) - (height - 1) / 2
    x += amplitude * _smooth((height, width), rng) - (width - 1) / 2
    inverse = np.linalg.inv(linear).astype(np.float32)
    field = cv2.remap(
        distance,
        inverse[0, 0] * x + inverse[0, 1] * y + np.float32(centre[0]),
        inverse[1, 0] * x + inverse[1, 1] * y + np.float32(centre[1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-1e6,
    )
    found: NDArray[np.bool_] = field > min(-thicker, float(field.max()) - 1e-3)
    return found[Box.around(found).slices]


def _smooth(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth random field of about one: 4 x 4 random values, interpolated."""
    coarse = rng.uniform(-1, 1, (4, 4)).astype(np.float32)
    size = (shape[1], shape[0])
    field: NDArray[np.float32] = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return field


def scaled(mask: NDArray[np.bool_], factor: float) -> NDArray[np.bool_]:
    """A mask at another resolution, boolean; one that is not empty stays so."""
    if factor == 1:
        return mask
    size = [max(1, round(side * factor)) for side in mask.shape]
    share = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share >= min(0.5, float(share.max())))


def _meet(box: Box, other: Box) -> bool:
    return box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1


def is_copy(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Whether two masks, each cut to its box, are one: by their IoU, centred on each other."""
    shape = np.maximum(mask.shape, other.shape)

    def centred(one: NDArray[np.bool_]) -> NDArray[np.bool_]:
        above, left = (shape - one.shape) // 2
        below, right = shape - one.shape - (above, left)
        return np.pad(one, ((above, below), (left, right)))

    first, second = centred(mask), centred(other)
    return float((first & second).sum() / (first | second).sum()) >= COPY
