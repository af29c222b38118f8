"""What every stage starts from: the categories of a run and their support sets."""

from pathlib import Path

from anogen.concept.learning import Shot
from anogen.data.dataset import read_dataset
from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.data.sample import Category, Sample, SupportSet
from anogen.data.support import draw_support
from anogen.errors import InputError
from anogen.files import sha256_of
from anogen.study.run_folder import RunFolder
from anogen.synthesis.croppaste import Support


def categories_of(run: RunFolder) -> list[tuple[Category, SupportSet]]:
    """Each category of the run with its support set.

    Raises:
        InputError: for everything that is wrong about the dataset or its support set.
    """
    dataset, support = run.settings.dataset, run.settings.support
    found = read_dataset(
        Path(dataset.root),
        layout=dataset.layout,
        categories=dataset.categories,
        defects=dataset.defects,
    )
    pairs = [
        (
            category,
            draw_support(
                category,
                shots=support.shots,
                seed=support.draw,
                listing=None if support.listing is None else Path(support.listing),
                official=support.official,
            ),
        )
        for category in found
    ]
    for category, shots in pairs:
        if not shots.shots:
            raise InputError(
                f"{category.name}: no defect type has masks, so there is nothing to learn from; "
                "add masks for at least one type."
            )
    return pairs


def supports_of(samples: tuple[Sample, ...]) -> list[Support]:
    """Support images as they are on disk, with their masks."""
    supports: list[Support] = []
    for sample in samples:
        image = read_image(sample.image, name=sample.key)
        assert sample.mask is not None
        supports.append((image, read_mask(sample.mask, image.shape[:2], name=sample.key)))
    return supports


def shots_of(samples: tuple[Sample, ...]) -> list[Shot]:
    """Support images as Stage 1 wants them."""
    return [
        Shot(sample.key, sha256_of(sample.image), to_rgb8(image), mask)
        for sample, (image, mask) in zip(samples, supports_of(samples), strict=True)
    ]
