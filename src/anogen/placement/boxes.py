"""Places for new defects: boxes that keep every rule, found by rejection sampling with an end.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, section 5.1: a box of random
size and place of which at least half lies on the object. Departures: sizes may be learned, shapes
may be turned inside their boxes, and there are regions drawn by people. When no box is found, the
rule that stands in the way is named.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from anogen.errors import NoPlaceError
from anogen.placement.box import Box
from anogen.placement.centres import Centres
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import Size, Sizes, shaped

KEPT = 25
"""Attempts with one size before another is drawn: else sizes that fit anywhere came oftener."""

SMALLEST_SIDE = 8
"""Pixels: a box needs room for a defect and its seam."""


@dataclass(frozen=True)
class Ground:
    """What is known of one image's pixels; boolean ``(H, W)`` but for ``likeness``.

    What follows from that is found once, however many places are looked for.

    Attributes:
        object: the part that is shown, told from its background.
        legal: where people allow defects; None: everywhere.
        forbidden: where people want none; None: nowhere.
        likeness: ``centres.cells_of((H, W))``, which is ``(H, W)`` but for large images, from 0
            to 1: how much a place is like those of the shots' defects; None: all are alike.
        on_object: share of a box on the object that suffices where ``placement.on_foreground``
            asks for more, as for defects of the tip of a part.
    """

    object: NDArray[np.bool_]
    legal: NDArray[np.bool_] | None = None
    forbidden: NDArray[np.bool_] | None = None
    likeness: NDArray[np.float32] | None = None
    on_object: float = 1.0

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """The object where it is legal."""
        return self.object if self.legal is None else self.object & self.legal

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """The pixels that may carry a defect: what is allowed and not forbidden."""
        return self.allowed if self.forbidden is None else self.allowed & ~self.forbidden

    @cached_property
    def centres(self) -> Centres:
        """Draws open pixels, of which there must be one, by their likeness."""
        return Centres(self.open, self.likeness)

    @cached_property
    def extent(self) -> Box:
        """The box around the object, of which a pixel must be seen."""
        return Box.around(self.object)


@dataclass(frozen=True)
class Place:
    """A box, and which of its pixels are to be drawn in.

    Attributes:
        box: the smallest box around ``shape``.
        shape: boolean ``(box.height, box.width)``: the whole box, or a rectangle turned in it.
    """

    box: Box
    shape: NDArray[np.bool_]

    def cut(self, left: NDArray[np.bool_]) -> "Place | None":
        """What is left of it where ``left``, of the shape's size, is true; None: nothing."""
        kept = self.shape & left
        if not kept.any():
            return None
        inner = Box.around(kept)
        return Place(inner.outside(self.box), kept[inner.slices])

    def within(self, part: Box) -> NDArray[np.bool_]:
        """The shape in a part of the image, boolean ``(part.height, part.width)``."""
        mask = np.zeros((part.height, part.width), dtype=bool)
        mask[self.box.within(part).slices] = self.shape
        return mask

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """The shape in a boolean image of ``(height, width)``."""
        mask = np.zeros((height, width), dtype=bool)
        mask[self.box.slices] = self.shape
        return mask


def draw_places(
    ground: Ground,
    sizes: Sizes,
    rng: np.random.Generator,
    *,
    settings: PlacementSettings,
    what: str,
) -> list[Place]:
    """``settings.defects`` places whose boxes do not overlap, each keeping all rules.

    A place keeps ``settings.border`` pixels from the image's border, has at least
    ``settings.on_foreground`` of its shape's area on the object where that is legal, and its box
    has no forbidden pixel. When half of ``settings.attempts`` have failed, it shrinks little by
    little down to half of its size, never below ``SMALLEST_SIDE`` pixels a side.

    Args:
        ground: what is known of the image.
        sizes: sizes to draw from.
        rng: the source of randomness.
        settings: rules of placement.
        what: names image and defect in the error.

    Raises:
        NoPlaceError: if no place is found, naming the rule that made it impossible.
    """
    search = _Search(ground, sizes, settings, what)
    found: list[Place] = []
    for _ in range(settings.defects):
        found.append(search.place(rng, found))
    return found


class _Search:
    """The search for places on one image."""

    def __init__(
        self, ground: Ground, sizes: Sizes, settings: PlacementSettings, what: str
    ) -> None:
        self.ground, self.sizes, self.settings, self.what = ground, sizes, settings, what
        self.height, self.width = ground.object.shape
        self._need_room()
        self.best = 0.0

    def place(self, rng: np.random.Generator, taken: Sequence[Place]) -> Place:
        """One more place beside those that are taken."""
        settings = self.settings
        alone: Counter[str] = Counter()
        together: Counter[str] = Counter()
        self.best = 0.0
        for attempt in range(settings.attempts):
            shrink = 1 - max(0.0, attempt / settings.attempts - 0.5)
            if attempt % KEPT == 0:
                drawn = self.sizes.draw(self.height, self.width, rng)
                drawn = shaped(drawn, rng, settings=settings)
            size = Size(
                max(SMALLEST_SIDE, drawn.width * shrink),
                max(SMALLEST_SIDE, drawn.height * shrink),
                drawn.angle,
            )
            place, broken = self._tried(size, self.ground.centres.draw(rng), taken)
            if place is not None and not broken:
                return place
            together.update(broken)
            if len(broken) == 1:
                alone.update(broken)
        raise NoPlaceError(f"{self.what}: {self._sentence(alone, together, taken)}")

    def _tried(
        self, size: Size, centre: tuple[int, int], taken: Sequence[Place]
    ) -> tuple[Place | None, list[str]]:
        """A place with its centre on a pixel, or near it inside the border; the rules it breaks."""
        border = self.settings.border
        across, down = _extent(size)
        if across > self.width or down > self.height:
            return None, ["size"]
        if across > self.width - 2 * border or down > self.height - 2 * border:
            return None, ["border"]
        shape = rectangle(size)
        down, across = shape.shape
        row, column = centre
        corner = column - across // 2, row - down // 2

        def moved(least: int) -> Box:
            x0 = min(max(corner[0], least), self.width - least - across)
            y0 = min(max(corner[1], least), self.height - least - down)
            return Box(x0, y0, x0 + across, y0 + down)

        place = Place(moved(border), shape)
        broken = []
        object_, allowed, forbidden = (
            self.ground.object,
            self.ground.allowed,
            self.ground.forbidden,
        )
        if not self._enough(allowed, place):
            self.best = max(self.best, _share(object_, place))
            if self._enough(allowed, Place(moved(0), shape)):
                broken.append("border")
            else:
                broken.append("legal" if self._enough(object_, place) else "object")
        if forbidden is not None and forbidden[place.box.slices].any():
            broken.append("forbidden")
        if any(_overlap(place.box, other.box) for other in taken):
            broken.append("defects")
        return place, broken

    def _enough(self, region: NDArray[np.bool_], place: Place) -> bool:
        """Whether a place lies on a region by the share that is asked for, and at all."""
        share = _share(region, place)
        return share > 0 and share >= min(self.settings.on_foreground, self.ground.on_object)

    def _need_room(self) -> None:
        """Refuse an image on which no single pixel may carry a defect."""
        if self.ground.open.any():
            return
        if not self.ground.object.any():
            reason = "no object is seen; change placement.foreground"
        elif not self.ground.allowed.any():
            reason = (
                "the legal region does not touch the object; correct the mask of placement.legal, "
                "or change placement.foreground"
            )
        else:
            reason = (
                "all of the object is forbidden where it is legal; correct the mask of "
                "placement.forbidden"
            )
        raise NoPlaceError(f"{self.what}: {reason}.")

    def _sentence(self, alone: Counter[str], together: Counter[str], taken: Sequence[Place]) -> str:
        """Why no place was found: the rule without which most attempts would have been places."""
        share = f"{min(self.settings.on_foreground, self.ground.on_object):.0%}"
        reasons = {
            "size": f"no box of the size asked for fits into {self.width} x {self.height} pixels; "
            "change placement.sizes, placement.aspect or placement.rotation",
            "border": f"no box keeps {self.settings.border} pixels from the border of "
            f"{self.width} x {self.height} pixels; lower placement.border",
            "object": f"no box lies at least {share} on the object (best {self.best:.0%}); lower "
            "placement.on_foreground or change placement.foreground",
            "legal": f"no box lies at least {share} on the object in the legal region; enlarge it "
            "in the mask of placement.legal, or lower placement.on_foreground",
            "forbidden": "every box has forbidden pixels; give it more room in the mask of "
            "placement.forbidden",
            "defects": f"beside {len(taken)} boxes there is no room for another; lower "
            "placement.defects",
        }
        tries = f"in {self.settings.attempts} attempts "
        if alone:
            return f"{tries}{reasons[alone.most_common(1)[0][0]]}."
        # Every attempt broke several rules.
        return (
            f"{tries}no box keeps all rules: "
            + "; ".join(reasons[rule] for rule, _ in together.most_common())
            + "."
        )


def _share(region: NDArray[np.bool_], place: Place) -> float:
    """Share of a place's shape that lies on the region."""
    return np.count_nonzero(region[place.box.slices] & place.shape) / int(place.shape.sum())


def rectangle(size: Size) -> NDArray[np.bool_]:
    """A filled rectangle, turned by ``size.angle`` degrees, boolean; no empty row or column.

    A pixel belongs to it when its centre does, counted from the centre of the array.
    """
    across, down = _extent(size)
    if size.angle % 90 == 0:
        return np.ones((down, across), dtype=bool)
    cosine, sine = _direction(size.angle)
    y, x = np.ogrid[:down, :across]
    y, x = y - (down - 1) / 2, x - (across - 1) / 2
    filled = (np.abs(x * cosine + y * sine) <= size.width / 2) & (
        np.abs(y * cosine - x * sine) <= size.height / 2
    )
    trimmed: NDArray[np.bool_] = filled[Box.around(filled).slices]
    return trimmed


def _extent(size: Size) -> tuple[int, int]:
    """Width and height in pixels of the box around a turned rectangle."""
    cosine, sine = np.abs(_direction(size.angle))
    return (
        round(size.width * cosine + size.height * sine),
        round(size.width * sine + size.height * cosine),
    )


def _direction(angle: float) -> tuple[float, float]:
    """Cosine and sine of an angle in degrees; exact zeros at right angles."""
    turn = np.deg2rad(angle)
    return round(float(np.cos(turn)), 12), round(float(np.sin(turn)), 12)


def _overlap(one: Box, other: Box) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1
