"""One sitting of a reviewer: the images of a run's banks, words on them, and the way back."""

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.bank.manifest import Decision, Entry, Review
from anogen.bank.review import correct, decide, now
from anogen.data.images import Pixels, read_image, to_rgb8
from anogen.errors import InputError
from anogen.files import inside, sha256_of
from anogen.placement.box import Box

Key = str
"""What the page calls an image: 16 hex digits of a hash, so that no name or path comes from it."""


def key_of(category: str, identity: str) -> Key:
    """The key of an image; the same in every sitting."""
    return hashlib.sha256(f"{category}\0{identity}".encode()).hexdigest()[:16]


@dataclass
class Sitting:
    """Words on the images of some banks; safe to use from several threads.

    Attributes:
        banks: by category.
        dataset: root of the dataset, for the good images.
    """

    banks: dict[str, Bank]
    dataset: Path
    _said: list[tuple[Key, Review | None]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _places: dict[Key, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for category, bank in self.banks.items():
            for entry in bank:
                self._places[key_of(category, entry.id)] = (category, entry.id)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def images(self) -> list[dict[str, Any]]:
        """All images by defect and id, as :meth:`image` gives them."""
        with self._lock:
            found = [self.image(key) for key in self._places]
        return sorted(found, key=lambda one: (one["category"], one["defect"], one["id"]))

    def image(self, key: Key) -> dict[str, Any]:
        """What the page shows of an image."""
        entry = self._entry(key)
        review = entry.review
        return {
            "key": key,
            "id": entry.id,
            "category": entry.category,
            "defect": entry.defect,
            "normal": entry.normal,
            "box": entry.region.as_list(),
            "boxes": [box.as_list() for box in _boxes(entry)],
            "decision": entry.decision,
            "reason": entry.reason,
            "scores": entry.gate,
            "word": None if review is None else review.word,
            "corrected": review is not None and review.mask is not None,
        }

    def decide(self, key: Key, word: Decision) -> None:
        """Accept or reject; see :func:`anogen.bank.review.decide`."""
        with self._lock:
            before = self._entry(key).review
            decide(self._bank(key), self._entry(key).id, word, time=now())
            self._said.append((key, before))

    def correct(self, key: Key, mask: bytes) -> None:
        """Put a mask of one byte a pixel, row by row, in the place of the image's.

        Raises:
            InputError: if it is not of the image's size, or empty.
        """
        with self._lock:
            entry, bank = self._entry(key), self._bank(key)
            height, width = bank.image(entry).shape[:2]
            pixels = np.frombuffer(mask, np.uint8)
            if pixels.size == height * width:
                pixels = pixels.reshape(height, width)
            before = entry.review
            correct(bank, entry.id, pixels, time=now())
            self._said.append((key, before))

    def undo(self) -> Key | None:
        """Take back the last word or mask of this sitting; returns whose it was."""
        with self._lock:
            if not self._said:
                return None
            key, before = self._said.pop()
            self._bank(key).review(self._entry(key).id, before)
            return key

    def generated(self, key: Key) -> bytes:
        """The image as PNG, 8 bits."""
        return _png(self._bank(key).image(self._entry(key)))

    def normal(self, key: Key) -> bytes:
        """The good image it was drawn on as PNG, 8 bits.

        Raises:
            InputError: if it is missing, or not the file that was drawn on.
        """
        entry = self._entry(key)
        path = inside(self.dataset, entry.normal)
        if path.is_file() and sha256_of(path) != entry.normal_sha256:
            raise InputError(f"{entry.normal}: the good image has changed since; put it back.")
        return _png(read_image(path, name=entry.normal))

    def mask(self, key: Key) -> bytes:
        """The mask that counts, one byte a pixel, row by row; empty where there is none."""
        with self._lock:
            mask = self._bank(key).mask(self._entry(key))
        if mask is None:
            mask = np.zeros(self._bank(key).image(self._entry(key)).shape[:2], np.float32)
        return bytes(np.rint(mask * 255).astype(np.uint8))

    def finish(self) -> None:
        """Move what was said into the images' own lines."""
        with self._lock:
            for bank in self.banks.values():
                bank.finish()

    def _bank(self, key: Key) -> Bank:
        return self.banks[self._places[key][0]]

    def _entry(self, key: Key) -> Entry:
        return self._bank(key).manifest[self._places[key][1]]


def _boxes(entry: Entry) -> list[Box]:
    """Each defect's box; the corrected mask has one around all."""
    corrected = entry.review is not None and entry.review.box is not None
    return [entry.region] if corrected or not entry.boxes else [Box(*box) for box in entry.boxes]


def _png(image: Pixels) -> bytes:
    pixels: NDArray[np.uint8] = to_rgb8(image)[:, :, ::-1]
    _, encoded = cv2.imencode(
        ".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    return encoded.tobytes()
