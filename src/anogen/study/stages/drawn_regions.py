"""Masks that people drew to say where defects may lie: ``placement.legal`` and ``forbidden``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anogen.data.images import Pixels, binarise, read_image
from anogen.data.sample import Category
from anogen.data.shapes import shapes_of
from anogen.errors import InputError
from anogen.files import inside

Rule = Literal["legal", "forbidden"]


def region_name(pattern: str, category: str, defect: str) -> str:
    """The path of a drawn mask, relative to the dataset's root.

    Args:
        pattern: ``placement.legal`` or ``placement.forbidden``.
        category: stands for ``{category}``.
        defect: stands for ``{defect}``.
    """
    return pattern.replace("{category}", category).replace("{defect}", defect)


def read_region(
    root: Path, name: str, shape: tuple[int, int], *, rule: Rule, image: str
) -> NDArray[np.bool_]:
    """A drawn mask, boolean ``shape = (H, W)``: where defects may, or may not, lie.

    Args:
        root: of the dataset.
        name: of the mask, relative to it.
        shape: of the good image.
        rule: what the mask is for.
        image: what error messages call the good image.

    Raises:
        InputError: if the mask cannot be read, has another size, or says that nothing is legal.
    """
    region = _checked(read_image(inside(root, name), name=name), name, rule)
    if (problem := _misfit(region.shape, shape, name, rule, image)) is not None:
        raise InputError(problem)
    return region


def problems_of_regions(
    categories: Sequence[Category], patterns: dict[Rule, str | None], root: Path
) -> Iterator[str]:
    """A sentence for each drawn mask that is missing, unreadable, or does not fit a good image."""
    for rule, pattern in patterns.items():
        if pattern is None:
            continue
        for category in categories:
            defects = {sample.label for sample in category.test if sample.mask is not None}
            shapes = shapes_of(category)
            for name in sorted({region_name(pattern, category.name, one) for one in defects}):
                if not inside(root, name).is_file():
                    yield f"placement.{rule}: no file {name} in the dataset; correct the path."
                    continue
                try:
                    region = _checked(read_image(inside(root, name), name=name), name, rule)
                except InputError as error:
                    yield str(error)
                    continue
                misfits = (
                    _misfit(region.shape, shape, name, rule, key) for shape, key in shapes.items()
                )
                yield from [problem for problem in misfits if problem is not None][:1]


def _checked(pixels: Pixels, name: str, rule: Rule) -> NDArray[np.bool_]:
    region = binarise(pixels)
    if rule == "legal" and not region.any():
        raise InputError(
            f"placement.legal: {name} is black, so that no defect may lie anywhere; paint white "
            "where defects may lie."
        )
    return region


def _misfit(
    found: tuple[int, ...], shape: tuple[int, int], name: str, rule: Rule, image: str
) -> str | None:
    if found == shape:
        return None
    return (
        f"placement.{rule}: {name} is {found[1]}x{found[0]} pixels, the good image {image} "
        f"{shape[1]}x{shape[0]}; such a mask is drawn at the size that all good images have."
    )
