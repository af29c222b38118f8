"""A reviewer's word on an image of a bank: accepted, rejected, or another mask.

A word is one appended line of the manifest, so a kill loses at most the word that was being said.
A corrected mask is a file of its own, written before its line, and named by its content; the mask
that came with the image stays as it is.
"""

import hashlib
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.bank.instances import instances
from anogen.bank.manifest import Decision, Review, corners
from anogen.data.images import write_png
from anogen.errors import InputError
from anogen.files import inside
from anogen.placement.box import Box
from anogen.synthesis.tightening import with_margin

FOLDER = "reviewed"
"""Where a bank keeps corrected masks."""


def now() -> str:
    """The time as a review states it: UTC, in whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def decide(bank: Bank, identity: str, word: Decision, *, time: str) -> None:
    """Accept or reject an image; a mask that was corrected before stays.

    Raises:
        InputError: if an image is to be accepted whose mask is empty.
        KeyError: if there is no such image.
    """
    entry = bank.manifest[identity]
    if word == "accepted":
        mask = bank.mask(entry)
        if mask is not None and not (mask >= 0.5).any():
            raise InputError(
                f"{identity}: the mask is empty, and a detector would learn the defect as good; "
                "paint the defect first, or reject the image."
            )
    before = entry.review
    bank.review(
        identity,
        Review(
            word=word,
            time=time,
            mask=before.mask if before is not None else None,
            box=before.box if before is not None else None,
            boxes=before.boxes if before is not None else (),
        ),
    )


def correct(bank: Bank, identity: str, mask: NDArray[np.uint8], *, time: str) -> None:
    """Put ``mask`` in the place of an image's mask for training and export.

    Args:
        bank: where the image is.
        identity: its id.
        mask: uint8 ``(H, W)`` of the image's size; 255 is surely defective, 0 surely good.
        time: as :func:`now` gives it.

    Raises:
        InputError: if the mask has another size than the image, or nothing of at least one half.
        KeyError: if there is no such image.
    """
    entry = bank.manifest[identity]
    height, width = bank.image(entry).shape[:2]
    if mask.shape != (height, width):
        raise InputError(
            f"{identity}: the mask has {mask.size} pixels, the image {width}x{height}; load the "
            "page again."
        )
    certain = mask >= 128
    if not certain.any():
        raise InputError(
            f"{identity}: the mask is empty; paint the defect, or reject the image instead."
        )
    digest = hashlib.sha256(mask.tobytes()).hexdigest()[:8]
    path = f"{FOLDER}/{identity}-{digest}.png"
    write_png(inside(bank.folder, path), mask)
    parts = instances(certain, [Box(*box) for box in entry.boxes])
    boxes = [with_margin(Box.around(part), height, width) for part in parts]
    bank.review(
        identity,
        Review(
            word=entry.review.word if entry.review is not None else None,
            time=time,
            mask=path,
            box=corners(Box.around(certain)),
            boxes=tuple(corners(box) for box in boxes),
        ),
    )
