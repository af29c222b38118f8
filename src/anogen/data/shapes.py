"""Of which sizes a product's good images are."""

from anogen.data.images import read_shape
from anogen.data.sample import Category
from anogen.errors import InputError


def shapes_of(category: Category) -> dict[tuple[int, int], str]:
    """``(H, W)`` of the good images, each with the key of the first that has it.

    Images that cannot be read are left out: validation speaks of them.
    """
    found: dict[tuple[int, int], str] = {}
    for sample in category.train:
        try:
            found.setdefault(read_shape(sample.image, name=sample.key), sample.key)
        except InputError:
            continue
    return found
