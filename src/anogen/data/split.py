"""Dividing images: good ones into training and held out, a defect's into thirds.

The thirds are AnomalyDiffusion's (Hu et al., AAAI 2024, section 4.1): "one-third of the anomaly
data with the lowest ID numbers as the training set, reserving the remaining two-thirds for
testing".
"""

import re
from collections.abc import Mapping, Sequence

from anogen.data.sample import Sample
from anogen.seeds import seed_of

HELD_OUT = 0.2
"""Share of the good images that is held out, on average."""


def held_out(keys: Sequence[str], groups: Mapping[str, str]) -> frozenset[str]:
    """The keys that are held out: about a fifth, at least one, and never a part of a group.

    Each image (or group) is drawn by the hash of its name alone, so an image that is added or
    removed moves no other one; only where all would fall on one side is the nearest to the
    limit moved over. Of a single image or group, nothing is held out.

    Args:
        keys: paths relative to the category's folder, so that moving the dataset changes nothing.
        groups: group of each key that has one.
    """
    units: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        unit = ("group", groups[key]) if key in groups else ("file", key)
        units.setdefault(unit, []).append(key)
    if len(units) < 2:
        return frozenset()
    ranked = sorted(units, key=lambda unit: seed_of("held out", *unit))
    count = sum(seed_of("held out", *unit) < HELD_OUT * 2**63 for unit in ranked)
    count = min(max(count, 1), len(units) - 1)
    return frozenset(key for unit in ranked[:count] for key in units[unit])


def first_third(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The ``floor(N / 3)`` images of one defect with the lowest numbers; none of fewer than 3."""
    ordered = sorted(samples, key=lambda sample: natural_key(sample.key))
    return tuple(ordered[: len(samples) // 3])


def leaked(samples: Sequence[Sample]) -> Sample:
    """The image of one defect that AnomalyDiffusion's released code both learns and tests on.

    Its training stops after number ``floor(N / 3)``, counted from zero, and its test set starts
    with that one.
    """
    return sorted(samples, key=lambda sample: natural_key(sample.key))[len(samples) // 3]


def natural_key(name: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """A key that sorts names by the numbers in them: ``2.png`` before ``10.png``."""
    # Text is at even places of the parts, digits at odd ones: like is compared with like.
    parts = re.split(r"([0-9]+)", name)
    by_number = tuple(
        (int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)
    )
    return by_number, name
