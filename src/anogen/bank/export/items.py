"""What is exported: the accepted images of some banks, each with the mask that counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.bank.instances import instances
from anogen.bank.manifest import Entry
from anogen.data.images import Pixels
from anogen.errors import InputError
from anogen.placement.box import Box


@dataclass(frozen=True)
class Exported:
    """One image of an export.

    Attributes:
        entry: its line of the manifest.
        image: ``(H, W)`` or ``(H, W, 3)``, 8 or 16 bit, as in the bank.
        soft: uint8 ``(H, W)``, 255 is surely defective.
    """

    entry: Entry
    image: Pixels
    soft: NDArray[np.uint8]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the image is defective, bool ``(H, W)``; never empty."""
        return self.soft >= 128

    @property
    def instances(self) -> list[NDArray[np.bool_]]:
        """The mask of each defect, bool ``(H, W)``, none empty; together they are ``mask``."""
        return instances(self.mask, [Box(*box) for box in self.entry.placed or self.entry.boxes])


class Material:
    """The accepted images of some banks, in a fixed order; each is read when its turn comes.

    Args:
        banks: one for each category.

    Raises:
        InputError: if no image of them is accepted.
    """

    def __init__(self, banks: Sequence[Bank]) -> None:
        self._banks = tuple(banks)
        self.entries = [entry for bank in self._banks for entry in bank.accepted()]
        if not self.entries:
            folders = ", ".join(str(bank.folder) for bank in self._banks)
            raise InputError(
                f"{folders}: no image is accepted, so there is nothing to export; accept some "
                "with 'anogen review'."
            )
        self.categories = sorted({entry.category for entry in self.entries})
        self.classes = sorted({self.class_of(entry) for entry in self.entries})

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Exported]:
        """Images by category and id.

        Raises:
            InputError: for an image without a mask, or an empty one.
        """
        for bank in self._banks:
            for entry in bank.accepted():
                mask = bank.mask(entry)
                if mask is None or not (mask >= 0.5).any():
                    what = "no mask" if mask is None else "an empty mask"
                    raise InputError(
                        f"{bank.folder}: {entry.id} is accepted and has {what}; paint one or "
                        "reject the image with 'anogen review'."
                    )
                yield Exported(entry, bank.image(entry), np.rint(mask * 255).astype(np.uint8))

    def class_of(self, entry: Entry) -> str:
        """Name of an image's class: its defect, with the product where there are several."""
        if len(self.categories) == 1:
            return entry.defect
        return f"{entry.category}/{entry.defect}"

    def stem(self, entry: Entry) -> str:
        """File name, without an ending, that is unique in the export."""
        return entry.id if len(self.categories) == 1 else f"{entry.category}-{entry.id}"
