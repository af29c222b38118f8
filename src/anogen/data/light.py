"""Whether the test set can be told from its light, whatever is on the parts.

In some datasets the good test images were photographed apart from all others. Then any score that
heeds brightness tells them from the defective images, and image AUROC and AP measure the light.
"""

from collections.abc import Mapping

import numpy as np

from anogen.data.sample import Category, Sample

TELLS = 0.95
"""Share of pairs of images that their mean grey level puts in the same order, from which on it
tells two groups apart."""

FEWEST = 10
"""Images in a group, at least, for that to be more than chance."""


def other_light(category: Category, levels: Mapping[str, float]) -> str | None:
    """A sentence, if the mean grey level alone tells the good test images from the defective ones
    and from the good training images, too.

    Args:
        category: whose images are compared.
        levels: mean grey level of each readable image by key, as a share of white.
    """

    def of(samples: tuple[Sample, ...], *, good: bool) -> list[float]:
        return [levels[s.key] for s in samples if s.is_good is good and s.key in levels]

    train = of(category.train, good=True)
    good, defective = of(category.test, good=True), of(category.test, good=False)
    if min(map(len, (train, good, defective))) < FEWEST:
        return None
    by_defect = told_apart(good, defective)
    if min(by_defect, told_apart(good, train)) < TELLS:
        return None
    return (
        f"{category.name}: the good test images have another light than the rest (mean grey level "
        f"{np.mean(good):.0%} of white, training images {np.mean(train):.0%}, defective ones "
        f"{np.mean(defective):.0%}): brightness alone tells them from defective ones in "
        f"{by_defect:.0%} of pairs. Image AUROC and AP say little here; trust pixel AP, PRO and "
        "'located'."
    )


def told_apart(one: list[float], other: list[float]) -> float:
    """The share of pairs of one value each that are in the commoner order, ties half; 0.5 to 1."""
    first, second = np.array(one)[:, None], np.array(other)[None]
    share = float((first < second).mean() + (first == second).mean() / 2)
    return max(share, 1 - share)
