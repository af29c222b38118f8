"""The units of a dataset: one image file, and one category of a product."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GOOD = "good"


@dataclass(frozen=True)
class Sample:
    """One image file of a dataset.

    Attributes:
        key: path relative to the dataset's root, with ``/``; the identity of the image.
        image: absolute path of the image file.
        label: ``"good"`` or the name of the defect.
        mask: absolute path of the mask file; None for good images and for defect types that
            come without masks (usable for image-level scores only).
        split: whether the image may be trained on as a normal (``"train"``) or is held out.
        group: images of one physical part share a group; None when nothing is known.
    """

    key: str
    image: Path
    label: str
    mask: Path | None
    split: Literal["train", "test"]
    group: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the image shows a part without a defect."""
        return self.label == GOOD


@dataclass(frozen=True)
class Category:
    """One product: its good parts to train on, and its held-out good and defective parts.

    Attributes:
        name: the category's name.
        root: absolute path of the dataset's root; every key is relative to it.
        train: good images to train on, sorted by key.
        test: held-out images, good and defective, sorted by key.
    """

    name: str
    root: Path
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]

    @property
    def defects(self) -> tuple[str, ...]:
        """Names of the defect types, sorted."""
        return tuple(sorted({sample.label for sample in self.test if not sample.is_good}))

    def of(self, defect: str) -> tuple[Sample, ...]:
        """The samples of one defect type, sorted by key."""
        return tuple(sample for sample in self.test if sample.label == defect)


@dataclass(frozen=True)
class SupportSet:
    """The k shots of each defect that a run may learn from, and what they take from the test set.

    Attributes:
        shots: for each defect, its shots (each has a mask), sorted by key.
        excluded: keys that leave the test set: every shot and every image of its group.
    """

    shots: dict[str, tuple[Sample, ...]]
    excluded: frozenset[str]
