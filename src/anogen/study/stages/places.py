"""Where the defects of a run go: on which pixels of which good image."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anogen.concept.mask_embedding import square_side
from anogen.data.images import read_image, to_rgb8
from anogen.data.sample import Category
from anogen.errors import InputError
from anogen.placement.boxes import Ground, Place, draw_places
from anogen.placement.context import Context, Scene, Small, context_of
from anogen.placement.foreground import (
    PROBES,
    choose_method,
    foreground,
    median_image,
)
from anogen.placement.learned_masks import LearnedMasks
from anogen.placement.masks import MaskVariation
from anogen.placement.settings import ForegroundMethod
from anogen.placement.sizes import sizes_of
from anogen.seeds import rng_of
from anogen.study.settings import RunSettings
from anogen.study.stages.drawn_regions import Rule, read_region, region_name
from anogen.study.stages.goods import Good
from anogen.study.stages.near_object import bites, near_object
from anogen.study.stages.planned import Planned
from anogen.synthesis.contract import Image, Support

Key = TypeVar("Key")
Value = TypeVar("Value")

KEPT = 64
"""Objects that are remembered, a bit a pixel, for when their images come again."""


class Places:
    """Finds the places of one category's defects; keeps what they share.

    Args:
        category: its good images and the root of its masks.
        supports: the support images of each defect with their masks.
        settings: of the run.
        sampled: learned masks of each defect, ``(n, S, S)``, where the settings ask for them.

    Raises:
        InputError: if there are no sizes for a defect, or no learned masks.
    """

    def __init__(
        self,
        category: Category,
        supports: Mapping[str, Sequence[Support]],
        settings: RunSettings,
        *,
        sampled: Mapping[str, NDArray[np.bool_]] = MappingProxyType({}),
    ) -> None:
        self.category = category
        self.settings = settings
        in_masks = settings.method == "anomalydiffusion"
        self.sizes = {
            defect: sizes_of(
                category.name, defect, [mask for _, mask in shots], settings=settings.placement
            )
            for defect, shots in supports.items()
            if not in_masks
        }
        self.method: ForegroundMethod = settings.placement.foreground
        if self.method == "auto":
            probes = category.train[:: max(1, len(category.train) // PROBES)][:PROBES]
            self.method = choose_method(
                to_rgb8(read_image(sample.image, name=sample.key)) for sample in probes
            )
        self.median = None
        if self.method == "median":
            probes = category.train[:: max(1, len(category.train) // PROBES)][:PROBES]
            self.median = median_image(
                to_rgb8(read_image(sample.image, name=sample.key)) for sample in probes
            )
        self._objects: dict[str | bytes, NDArray[np.uint8]] = {}
        self._scenes: dict[str, Small] = {}
        self._goods: dict[str, Good] = {}
        self._regions: dict[tuple[str, str, int, int], NDArray[np.bool_]] = {}
        self.contexts: dict[str, Context] = {}
        if settings.placement.where == "alike":
            self.contexts = self._contexts(supports)
        self.masks: dict[str, MaskVariation] = {}
        self.bites = {
            # The median image knows images of one size only.
            defect: self.method != "median"
            and bites([mask for _, mask in shots], [self.object(image) for image, _ in shots])
            for defect, shots in supports.items()
        }
        if settings.learns_masks and not sampled:
            raise InputError(
                "setting masks.source: learned masks are there only once a run has learned and "
                "sampled them; look at places with --set masks.source=varied."
            )
        if in_masks:
            self.masks = {
                defect: self._variation(shots, sampled.get(defect))
                for defect, shots in supports.items()
            }

    def place(self, item: Planned, attempt: int) -> tuple[Good, list[Place]]:
        """A planned image's normal, and the places on it in which defects are drawn.

        Raises:
            NoPlaceError: if there is no place for them.
            InputError: if a mask does not fit the image.
        """
        ground = self.ground(item)
        found = []
        for place in self.places(item, attempt):
            left = self._near(place, item, ground)
            assert left is not None  # a share of each place lies on what is allowed
            found.append(left)
        return self.good(item), found

    def _near(self, place: Place, item: Planned, ground: Ground) -> Place | None:
        # Boxes say where, not what shape: what is drawn in them is trimmed.
        edged = item.defect in self.masks and self.bites[item.defect]
        return near_object(place, ground, to_edge=edged)

    def good(self, item: Planned) -> Good:
        """A planned image's normal; those of a batch are remembered."""
        key = item.normal.key
        found = self._goods.pop(key, None)
        if found is None:
            while len(self._goods) >= self.settings.synthesis.batch_size:
                self._goods.pop(next(iter(self._goods)))
            image = self.normal(item)
            found = Good(image, self.object(image, key))
        self._goods[key] = found  # the last that is forgotten
        return found

    def normal(self, item: Planned) -> Image:
        """The good image on which a planned image is drawn."""
        return read_image(item.normal.image, name=item.normal.key)

    def places(self, item: Planned, attempt: int) -> list[Place]:
        """The boxes of a planned image, or its masks, before they are cut to the object.

        They belong to the spot, so that its samples share them; drawn again, they may move.
        """
        what, ground = f"{item.normal.key}, {item.defect}", self.ground(item)
        identity = (self.settings.seed, self.category.name, item.spot, attempt)
        rules = self.settings.placement
        if item.defect in self.masks:
            draw = self.masks[item.defect].draw_several
            return draw(
                ground,
                rng_of(*identity, "mask"),
                count=rules.defects,
                what=what,
                cut=lambda place: self._near(place, item, ground),
            )
        sizes, rng = self.sizes[item.defect], rng_of(*identity, "box")
        return draw_places(ground, sizes, rng, settings=rules, what=what)

    def ground(self, item: Planned) -> Ground:
        """What is known of the pixels of a planned image's normal; remembered with it."""
        good, defect = self.good(item), item.defect
        if defect not in good.grounds:
            context = self.contexts.get(defect)
            shape, likeness = good.object.shape, None
            if context is not None:
                scene = self._scene(good.image, good.object, item.normal.key)
                likeness = context.likeness(scene, shape)
            good.grounds[defect] = Ground(
                good.object,
                self._region("legal", item, good),
                self._region("forbidden", item, good),
                likeness,
                # What shows the background through the object lies on it nevertheless.
                1.0 if context is None or self.bites[defect] else context.on_object,
            )
        return good.grounds[defect]

    def object(self, image: Image, key: str | None = None) -> NDArray[np.bool_]:
        """Boolean ``(H, W)``: the part in an image, told from its background.

        Args:
            image: ``(H, W)`` or ``(H, W, 3)``.
            key: of a good image, by which it is remembered; None: by its pixels.
        """
        known = key or hashlib.sha256(np.ascontiguousarray(image).data).digest() + bytes(
            str(image.shape), "ascii"
        )
        if known not in self._objects:
            found = foreground(to_rgb8(image), self.method, median=self.median)
            _remember(self._objects, known, np.packbits(found))
        bits = np.unpackbits(self._objects[known], count=image.shape[0] * image.shape[1])
        return bits.reshape(image.shape[:2]).view(bool)

    def _scene(self, image: Image, object_: NDArray[np.bool_], key: str) -> Small:
        """What surroundings in a good image are told from."""
        if key not in self._scenes:
            _remember(self._scenes, key, Scene(to_rgb8(image), object_).small())
        return self._scenes[key]

    def _contexts(self, supports: Mapping[str, Sequence[Support]]) -> dict[str, Context]:
        """What surrounds each defect on its shots, against what good images have."""
        train = self.category.train
        goods = []
        for sample in train[:: max(1, len(train) // PROBES)][:PROBES]:
            image = read_image(sample.image, name=sample.key)
            goods.append(self._scene(image, self.object(image, sample.key), sample.key))
        return {
            defect: context_of(
                [Scene(to_rgb8(image), self.object(image), mask) for image, mask in shots], goods
            )
            for defect, shots in supports.items()
        }

    def _variation(
        self, shots: Sequence[Support], sampled: NDArray[np.bool_] | None
    ) -> MaskVariation:
        """What a defect's masks are varied from, or like: those of its shots, and where these have
        them."""
        # The median image knows images of one size only.
        objects = [] if self.method == "median" else [self.object(image) for image, _ in shots]
        masks = [mask for _, mask in shots]
        rules = self.settings.placement
        if sampled is None:
            return MaskVariation(masks, objects=objects, settings=rules)
        side = square_side(masks)
        return LearnedMasks(masks, sampled, side=side, objects=objects, settings=rules)

    def _region(self, rule: Rule, item: Planned, good: Good) -> NDArray[np.bool_] | None:
        """The mask that somebody drew for a defect; None where there is no such rule."""
        pattern = getattr(self.settings.placement, rule)
        if pattern is None:
            return None
        name = region_name(pattern, self.category.name, item.defect)
        height, width = good.object.shape
        if (rule, name, height, width) not in self._regions:
            self._regions[rule, name, height, width] = read_region(
                self.category.root, name, (height, width), rule=rule, image=item.normal.key
            )
        return self._regions[rule, name, height, width]


def _remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    """Remember one thing more, and forget the first of :data:`KEPT`."""
    if len(known) == KEPT:
        known.pop(next(iter(known)))
    known[key] = value
