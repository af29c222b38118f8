"""Real defects that the prior never saw: three shots each, the rest held back, places for new."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from windows import CATEGORIES, good_images, real_defects

from anogen.concept.views import Shot
from anogen.data.official_support import OFFICIAL_SUPPORT
from anogen.files import sha256_of
from anogen.placement.box import Box
from anogen.placement.boxes import Ground, draw_places
from anogen.placement.context import Scene, context_of
from anogen.placement.foreground import PROBES, choose_method, foreground
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import sizes_of
from anogen.seeds import rng_of

CASES = {
    "screw": ("manipulated_front", "scratch_neck"),
    "magnetic_tile": ("blowhole", "break", "crack"),
    "hazelnut": ("hole",),
    "leather": ("cut", "glue"),
    "metal_nut": ("bent", "color"),
    "bottle": ("contamination",),
    "cookie": ("crack",),
}

HELD_BACK = 40
"""Held-back real defects that are looked at, at most."""


@dataclass(frozen=True)
class Case:
    """One defect of one category."""

    category: str
    defect: str
    shots: tuple[Shot, ...]
    held_back: tuple[tuple[NDArray[np.uint8], NDArray[np.bool_]], ...]


def load_case(data: Path, category: str, defect: str) -> Case:
    """MVTec's shots are AnoGen's; else the first three of different parts.

    Images of a physical part that is among the shots are not held back.
    """
    found = real_defects(data, category, defect)
    group = _groups(data, category, defect)
    if category in OFFICIAL_SUPPORT:
        chosen = {f"{number:03d}" for number in OFFICIAL_SUPPORT[category][defect]}
    else:
        first: dict[str, str] = {}
        for stem, _, mask in found:
            if mask.sum() >= 12:
                first.setdefault(group.get(stem, stem), stem)
        chosen = set(list(first.values())[:3])
    used = {group.get(stem, stem) for stem in chosen}
    folder = data / CATEGORIES[category] / "test" / defect
    shots = tuple(
        Shot(f"{defect}/{stem}.png", sha256_of(folder / f"{stem}.png"), image, mask)
        for stem, image, mask in found
        if stem in chosen
    )
    rest = [(image, mask) for stem, image, mask in found if group.get(stem, stem) not in used]
    step = max(1, len(rest) // HELD_BACK)
    return Case(category, defect, shots, tuple(rest[::step][:HELD_BACK]))


def _groups(data: Path, category: str, defect: str) -> dict[str, str]:
    """Physical part of each image, where that is known."""
    path = data / CATEGORIES[category].split("/")[0] / "PROVENANCE.tsv"
    if not path.is_file():
        return {}
    with path.open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row.get("tile_group")]
    prefix = f"test/{defect}/"
    return {
        Path(row["file"]).stem: row["tile_group"] for row in rows if row["file"].startswith(prefix)
    }


def defect_box(mask: NDArray[np.bool_], margin: float) -> Box:
    """The box of a real defect with the margin that placement adds."""
    tight = Box.around(mask)
    x, y = round(margin * tight.width), round(margin * tight.height)
    height, width = mask.shape
    return Box(
        max(0, tight.x0 - x),
        max(0, tight.y0 - y),
        min(width, tight.x1 + x),
        min(height, tight.y1 + y),
    )


def places(data: Path, case: Case, count: int, *, seed: int) -> list[tuple[NDArray[np.uint8], Box]]:
    """Good images and a box on each, sized as the shots' boxes, in surroundings like theirs."""
    settings = PlacementSettings()
    goods = good_images(data, case.category)
    method = choose_method(goods)
    # As `quick` and `best` have it (placement.where=alike).
    context = context_of(
        [Scene(s.image, foreground(s.image, method), s.mask) for s in case.shots],
        [Scene(good, foreground(good, method)).small() for good in goods[:PROBES]],
    )
    masks = [shot.mask for shot in case.shots]
    sizes = sizes_of(case.category, case.defect, masks, settings=settings)
    found = []
    for index in range(count):
        rng = rng_of(seed, case.category, case.defect, "place", index)
        normal = goods[int(rng.integers(len(goods)))]
        object_ = foreground(normal, method)
        likeness = context.likeness(Scene(normal, object_).small(), object_.shape)
        ground = Ground(object_, likeness=likeness, on_object=context.on_object)
        what = f"{case.category}/{case.defect}"
        (place,) = draw_places(ground, sizes, rng, settings=settings, what=what)
        found.append((normal, place.box))
    return found
