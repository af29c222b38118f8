"""A bank: the generated images of one category on disk, with masks, boxes and provenance."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.manifest import Entry, Manifest, Review
from anogen.data.images import read_image, write_png
from anogen.files import inside, sweep
from anogen.synthesis.contract import Image


def image_path(identity: str) -> str:
    """Path of an image in its bank's folder."""
    return f"images/{identity}.png"


def mask_path(identity: str) -> str:
    """Path of a mask in its bank's folder."""
    return f"masks/{identity}.png"


class Bank:
    """The bank in ``folder``: ``manifest.jsonl``, ``images/*.png``, ``masks/*.png``.

    An image is in the bank once its manifest line is; the line is written last. So a kill leaves
    at most files without a line, which the next attempt at the same id overwrites.

    Raises:
        InputError: if the manifest is damaged (a torn last line is not damage, it is dropped).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest(folder / "manifest.jsonl")

    def __len__(self) -> int:
        return len(self.manifest)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, accepted or not, sorted by id."""
        return iter(self.manifest)

    def has(self, identity: str) -> bool:
        """Whether the image ``identity`` is complete in the bank."""
        return identity in self.manifest

    def add(self, entry: Entry, image: Image, mask: NDArray[np.float32] | None) -> None:
        """Write the image and mask, then the line.

        Args:
            entry: its manifest entry.
            image: ``(H, W)`` or ``(H, W, 3)``, 8 or 16 bit.
            mask: float32 ``(H, W)`` in [0, 1], stored with 8 bits; None where ``entry.mask`` is.

        Raises:
            ValueError: if the id is already there, if the mask contradicts the entry, if shapes
                differ, or if the box leaves the image.
        """
        if self.has(entry.id):
            raise ValueError(f"{entry.id!r} is already in {self.folder}")
        if (mask is None) != (entry.mask is None):
            raise ValueError(f"{entry.id!r}: a mask and its path go together")
        if mask is not None and mask.shape != image.shape[:2]:
            raise ValueError(f"{entry.id!r}: mask {mask.shape} on image {image.shape}")
        if entry.box[2] > image.shape[1] or entry.box[3] > image.shape[0]:
            raise ValueError(f"{entry.id!r}: box {list(entry.box)} leaves image {image.shape}")
        write_png(inside(self.folder, entry.image), image)
        if mask is not None and entry.mask is not None:
            write_png(inside(self.folder, entry.mask), _in_8_bits(mask))
        self.manifest.append(entry)

    def review(self, identity: str, review: Review | None) -> None:
        """Note a reviewer's word on an image, or take it back with None.

        Raises:
            KeyError: if there is no such image.
        """
        self.manifest.review(identity, review)

    def review_digest(self) -> str:
        """Hex digest (16 digits) of what reviews change about the images that are trained on.

        Empty where nobody reviewed the bank, and where all words agree with the gate. A corrected
        mask's name holds a hash of its content, so the manifest alone tells.
        """
        changes = [
            [entry.id, entry.accepted, entry.review.mask]
            for entry in self.manifest
            if entry.review is not None
            and (
                entry.accepted != (entry.decision == "accepted")
                or (entry.accepted and entry.review.mask is not None)
            )
        ]
        if not changes:
            return ""
        return hashlib.sha256(json.dumps(changes).encode()).hexdigest()[:16]

    def accepted(self, defect: str | None = None) -> Iterator[Entry]:
        """Entries that may be trained on, sorted by id, of one defect or of all."""
        return (e for e in self.manifest if e.accepted and defect in (None, e.defect))

    def image(self, entry: Entry) -> Image:
        """The entry's image as it was added.

        Raises:
            InputError: if the file is missing, unreadable or outside the bank.
        """
        return read_image(inside(self.folder, entry.image))

    def mask(self, entry: Entry) -> NDArray[np.float32] | None:
        """The mask that counts, float32 ``(H, W)`` in [0, 1]; None where only the box is known.

        A reviewer's corrected mask stands in for the one that came with the image.

        Raises:
            InputError: if the file is missing, unreadable or outside the bank.
        """
        if entry.label is None:
            return None
        stored = read_image(inside(self.folder, entry.label))
        return stored.astype(np.float32) / np.float32(255)

    def finish(self) -> None:
        """Bring the bank into its final form: sorted manifest, no leftovers of killed writes."""
        sweep(self.folder)
        self.manifest.finish()


def _in_8_bits(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A mask in [0, 1] as 0 to 255; rows without a defect, most of a large image, cost nothing."""
    stored = np.zeros(mask.shape, np.uint8)
    rows = mask.any(axis=1)
    stored[rows] = np.rint(np.clip(mask[rows], 0.0, 1.0) * 255).astype(np.uint8)
    return stored
