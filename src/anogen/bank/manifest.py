"""The manifest of a bank: one JSON line for every generated image, naming all that made it.

While a bank grows, finished lines are appended and flushed one at a time; a line torn by a kill
is dropped when the manifest is opened again. When the bank is whole, the lines are sorted by id,
so the final bytes do not depend on where the work was interrupted.

What a reviewer says comes later and is appended as a short line of its own, ``{"id", "review"}``;
the last one counts. Finishing the manifest moves it into the image's own line.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

from anogen.errors import InputError
from anogen.files import write_text
from anogen.placement.box import Box


def _relative(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError("must be a relative path with '/' that stays inside its folder")
    return path


RelativePath = Annotated[str, AfterValidator(_relative)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# An id names files, so it is one path component that cannot be hidden or mean a parent folder.
Id = Annotated[str, StringConstraints(pattern=r"^[^\s./\\\x00][^/\\\x00-\x1f]*$", max_length=200)]
Pixel = Annotated[int, Field(ge=0)]
Corners = tuple[Pixel, Pixel, Pixel, Pixel]
Decision = Literal["accepted", "rejected"]


class Review(BaseModel):
    """A reviewer's later word on one image.

    Attributes:
        word: overrides the gate's decision; None where only the mask was corrected.
        time: when it was said, UTC (``2026-01-31T12:00:00Z``).
        mask: path of the corrected mask relative to the bank's folder; it stands in for the
            image's own, which is kept.
        box: the box around the corrected mask.
        boxes: each defect's box with a margin, as :attr:`Entry.boxes`; empty in older banks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: Decision | None
    time: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    mask: RelativePath | None = None
    box: Corners | None = None
    boxes: tuple[Corners, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Review":
        if (self.mask is None) != (self.box is None):
            raise ValueError("a corrected mask and its box go together")
        if self.word is None and self.mask is None:
            raise ValueError("a review without a word and without a mask says nothing")
        if self.boxes and self.box is None:
            raise ValueError("boxes of defects belong to a corrected mask")
        for box in (*self.boxes, *(() if self.box is None else (self.box,))):
            _filled(box)
        return self


def corners(box: Box) -> Corners:
    """A box as the manifest has it."""
    return (box.x0, box.y0, box.x1, box.y1)


def _filled(box: Corners) -> None:
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"box {list(box)} is empty")


class Candidate(BaseModel):
    """One drawing that was judged, kept or not.

    Attributes:
        attempt: number of the attempt at the image, from 0.
        seed: seed of this drawing's random generator.
        gate: scores of the quality gate by name.
        reason: why the gate rejected it; None where it did not.
        kept: whether it is the image in the bank.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempt: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    gate: dict[str, FiniteFloat]
    reason: str | None
    kept: bool


class Entry(BaseModel):
    """One generated image and everything that made it.

    Attributes:
        id: identity of the image in its bank; names its files.
        image: path relative to the bank's folder.
        mask: path relative to the bank's folder; None where only the box is known.
        box: ``[x0, y0, x1, y1]`` in pixels, half open; around all defects of the image, tightened
            to their masks.
        boxes: of several defects each one's box, apart from the others; empty where there is one.
        placed: the box in which each defect was drawn, in the order of ``boxes``; outside of these
            the image is the normal one. Empty in banks whose boxes were not tightened.
        normal: path relative to the dataset's root of the good image it was drawn on.
        normal_sha256: hash of that file.
        category: category of the product.
        defect: name of the defect.
        concept: path relative to the run's folder; None for synthesizers that learn nothing.
        concept_sha256: hash of that file.
        prior: fingerprint of the diffusion model's weights; None for procedural synthesizers.
        sampler: settings of the synthesizer.
        seed: seed of this image's random generator.
        gate: scores of the quality gate by name.
        decision: what the gate decided.
        reason: why it was rejected; None for accepted images.
        candidates: every drawing that was judged for it, in order; none in older banks.
        review: a person's later word, which overrides the gate; None where nobody said one.
        versions: versions of the package and libraries by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    image: RelativePath
    mask: RelativePath | None
    box: Corners
    boxes: tuple[Corners, ...] = ()
    placed: tuple[Corners, ...] = ()
    normal: RelativePath
    normal_sha256: Sha256
    category: str
    defect: str
    concept: RelativePath | None
    concept_sha256: Sha256 | None
    prior: str | None
    sampler: dict[str, JsonValue]
    seed: Annotated[int, Field(ge=0)]
    gate: dict[str, FiniteFloat]
    decision: Decision
    reason: str | None = None
    candidates: tuple[Candidate, ...] = ()
    review: Review | None = None
    versions: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        _filled(self.box)
        for box in self.boxes:
            _filled(box)
            low, high = (
                zip(box[:2], self.box[:2], strict=True),
                zip(box[2:], self.box[2:], strict=True),
            )
            if any(a < b for a, b in low) or any(a > b for a, b in high):
                raise ValueError(f"box {list(box)} leaves box {list(self.box)}")
        if self.placed and len(self.placed) != max(1, len(self.boxes)):
            raise ValueError("there is one placed box for each defect")
        for box in self.placed:
            _filled(box)
        if (self.concept is None) != (self.concept_sha256 is None):
            raise ValueError("concept and concept_sha256 go together")
        if (self.decision == "rejected") != (self.reason is not None):
            raise ValueError("a rejected image has a reason, an accepted one has none")
        if self.candidates and sum(one.kept for one in self.candidates) != 1:
            raise ValueError("exactly one of the candidates is kept")
        return self

    @property
    def accepted(self) -> bool:
        """Whether the image may be trained on; a review overrides the gate's decision."""
        word = self.review.word if self.review is not None else None
        return (word or self.decision) == "accepted"

    @property
    def region(self) -> Box:
        """The box that counts: of the corrected mask, or else of the image as it was drawn."""
        corrected = self.review.box if self.review is not None else None
        return Box(*(corrected or self.box))

    @property
    def label(self) -> str | None:
        """Path of the mask that counts: the corrected one, or else the image's own."""
        corrected = self.review.mask if self.review is not None else None
        return corrected or self.mask

    def covered(self, height: int, width: int) -> NDArray[np.bool_]:
        """Boolean ``(height, width)``: the pixels of every defect's box, the label "box"."""
        covered = np.zeros((height, width), dtype=bool)
        boxes = self.boxes or (self.box,)
        if self.review is not None and self.review.box is not None:
            boxes = self.review.boxes or (self.review.box,)
        for box in boxes:
            covered |= Box(*box).mask(height, width)
        return covered

    def line(self) -> str:
        """The manifest line, with its newline; ASCII, so no character can split it."""
        return json.dumps(self.model_dump(mode="json"), allow_nan=False) + "\n"


class _Word(BaseModel):
    """A line that was appended by a review; ``review`` is None where one was taken back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    review: Review | None


class Manifest:
    """Reads and grows one ``manifest.jsonl``; a missing file is an empty manifest.

    Raises:
        InputError: for a line that is neither a valid entry nor a word on one before it, or an
            id that occurs twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Entry] = {}
        self._torn = False
        content = path.read_bytes() if path.exists() else b""
        whole, _, torn = content.rpartition(b"\n")
        self._whole_bytes = len(content) - len(torn)
        self._torn = bool(torn)
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            entry = self._parse(line, number)
            if isinstance(entry, _Word):
                if entry.id not in self._entries:
                    raise InputError(
                        f"{path}: line {number} is a review of {entry.id!r}, which is not there; "
                        "remove the line."
                    )
                self._say(entry)
                continue
            if entry.id in self._entries:
                raise InputError(
                    f"{path}: line {number} repeats the id {entry.id!r}; remove one of the lines."
                )
            self._entries[entry.id] = entry

    def __contains__(self, identity: object) -> bool:
        return identity in self._entries

    def __iter__(self) -> Iterator[Entry]:
        """All entries, sorted by id."""
        return (self._entries[identity] for identity in sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, identity: str) -> Entry:
        return self._entries[identity]

    def append(self, entry: Entry) -> None:
        """Add a line and flush it to the disk.

        Raises:
            ValueError: if the id is already there.
        """
        if entry.id in self._entries:
            raise ValueError(f"{entry.id!r} is already in {self._path}")
        self._write(entry.line())
        self._entries[entry.id] = entry

    def review(self, identity: str, review: Review | None) -> None:
        """Add a reviewer's word on an image, or take back an earlier one with None.

        Raises:
            KeyError: if there is no such image.
        """
        if identity not in self._entries:
            raise KeyError(identity)
        word = _Word(id=identity, review=review)
        self._write(json.dumps(word.model_dump(mode="json")) + "\n")
        self._say(word)

    def finish(self) -> None:
        """Rewrite the file atomically in its canonical order, sorted by id."""
        write_text(self._path, "".join(entry.line() for entry in self))
        self._torn = False

    def _say(self, word: _Word) -> None:
        entry = self._entries[word.id]
        self._entries[word.id] = entry.model_copy(update={"review": word.review})

    def _write(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._torn:
            os.truncate(self._path, self._whole_bytes)
            self._torn = False
        with self._path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def _parse(self, line: bytes, number: int) -> Entry | _Word:
        try:
            if _is_word(line):
                return _Word.model_validate_json(line)
            return Entry.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(
                f"{self._path}: line {number} is no manifest entry ({where}: {first['msg']}); "
                "generate the bank again or remove the line."
            ) from error


def _is_word(line: bytes) -> bool:
    try:
        return bool(json.loads(line).keys() == _Word.model_fields.keys())
    except (ValueError, AttributeError):  # no JSON, or no object
        return False
