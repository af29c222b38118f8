"""What a layout says about the folders of one category."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class DefectFolder:
    """One defect type: its images, and its masks (None when the type comes without)."""

    name: str
    images: Path | None
    masks: Path | None


@dataclass(frozen=True)
class CategoryFolders:
    """Where the images of one category lie; None where the folder does not exist.

    Attributes:
        name: the category's name.
        folder: the category's folder.
        good: good images to train on (all good images where ``good_test`` is None and
            ``split_good`` is true).
        good_test: held-out good images.
        split_good: whether ``good`` is to be divided where there is no ``good_test``.
        defects: the defect types, sorted by name.
        unused: folders in the category that mean nothing in this layout.
        crowded: folders that should only hold folders.
    """

    name: str
    folder: Path
    good: Path | None
    good_test: Path | None
    split_good: bool
    defects: tuple[DefectFolder, ...]
    unused: tuple[Path, ...] = ()
    crowded: tuple[Path, ...] = field(default=())


class Layout(Protocol):
    """One shape of dataset folder."""

    name: str
    expected: str
    """How the folders should look, for messages."""
    train_good: str
    """Path of the good images within a category, for messages."""

    def fits(self, folder: Path) -> bool:
        """Whether ``folder`` is a category in this layout."""
        ...

    def folders(self, folder: Path, name: str) -> CategoryFolders:
        """The folders of the category in ``folder``."""
        ...
