"""The verb that shows where defects would be drawn."""

from pathlib import Path

from anogen.cli.runs import Given
from anogen.data.dataset import read_dataset
from anogen.data.images import to_rgb8, write_png
from anogen.data.sample import Category, SupportSet
from anogen.errors import InputError
from anogen.placement.sheet import Tile, contact_sheet
from anogen.study.settings import RunSettings, resolve
from anogen.study.stages.material import support_of, supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import plan


def preview(
    preset: str, given: Given, overrides: tuple[str, ...], out: Path, *, count: int
) -> None:
    """``anogen placement preview``: as a run with these settings would place its first images."""
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: the sheet is a PNG image; give a name that ends with .png.")
    settings = resolve(preset, given, overrides=overrides)
    dataset = settings.dataset
    tiles: list[Tile] = []
    for category in read_dataset(
        Path(dataset.root),
        layout=dataset.layout,
        categories=dataset.categories,
        defects=dataset.defects,
    ):
        shots = support_of(category, settings.support)
        if shots.shots:
            tiles += _tiles(category, shots, settings, count)
    if not tiles:
        raise InputError(
            f"{dataset.root}: no defect type has masks, so sizes and places are not known; add "
            "masks for at least one type."
        )
    write_png(out, contact_sheet(tiles))
    print(f"{len(tiles)} places: {out}")


def _tiles(category: Category, shots: SupportSet, settings: RunSettings, count: int) -> list[Tile]:
    """The first ``count`` images of every defect of a category."""
    supports = {defect: supports_of(samples) for defect, samples in shots.shots.items()}
    places = Places(category, supports, settings)
    tiles = []
    for defect in sorted(supports):
        chosen = [
            item
            for item in plan(category, [defect], settings.bank, seed=settings.seed)
            if item.sample == 0
        ]
        for item in chosen[:count]:
            good, cut = places.place(item, 0)
            tiles.append(
                Tile(
                    to_rgb8(good.image),
                    places.ground(item),
                    cut,
                    f"{category.name} {defect} {item.normal.image.stem} ({places.method})",
                )
            )
    return tiles
