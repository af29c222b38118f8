"""Dividing good images into those to train on and those held out."""

from collections.abc import Mapping, Sequence

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
