"""The images of a bank before they are drawn: which, how many, and what tells them apart."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from anogen.data.sample import Category, Sample
from anogen.seeds import seed_of
from anogen.study.settings import BankSettings


@dataclass(frozen=True)
class Planned:
    """One image of the bank before it is drawn; its id tells all of its randomness."""

    defect: str
    normal: Sample
    place: int
    sample: int

    @cached_property
    def spot(self) -> str:
        """Defect, normal image and place: what the samples at one place share."""
        digest = hashlib.sha256(f"{self.defect}/{self.normal.key}".encode()).hexdigest()[:8]
        stem = PurePosixPath(self.normal.key).stem
        return f"{_plain(self.defect)}-{_plain(stem)}-{digest}-{self.place}"

    @cached_property
    def id(self) -> str:
        """Identity of the image, which also names its files."""
        return f"{self.spot}-{self.sample}"


def _plain(name: str) -> str:
    """A part of a file name; the digest tells apart what becomes the same here.

    24 letters of four bytes, twice, leave room within the 255 bytes of a file name.
    """
    return re.sub(r"\W+", "_", name)[:24]


def plan(
    category: Category, defects: Sequence[str], settings: BankSettings, *, seed: int
) -> list[Planned]:
    """Every image of a category's bank, sorted by id: balanced over defects.

    The good images of a defect are drawn by a hash of the defect's and their own names, so that
    more of them later only adds to the bank.
    """
    planned = []
    for defect in defects:
        ranked = sorted(category.train, key=lambda s: seed_of(seed, "normal", defect, s.key))
        if settings.pairs is not None:
            planned += [
                Planned(defect, ranked[number % len(ranked)], number // len(ranked), 0)
                for number in range(settings.pairs)
            ]
            continue
        planned += [
            Planned(defect, normal, place, sample)
            for normal in ranked[: settings.normals]
            for place in range(settings.boxes)
            for sample in range(settings.samples)
        ]
    return sorted(planned, key=lambda item: item.id)
