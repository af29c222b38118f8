"""The manifest of a bank: one JSON line for every generated image, naming all that made it.

While a bank grows, finished lines are appended and flushed one at a time; a line torn by a kill
is dropped when the manifest is opened again. When the bank is whole, the lines are sorted by id,
so the final bytes do not depend on where the work was interrupted.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

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
        box: ``[x0, y0, x1, y1]`` in pixels, half open.
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
        review: a person's later word, which overrides the gate.
        versions: versions of the package and libraries by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    image: RelativePath
    mask: RelativePath | None
    box: tuple[Pixel, Pixel, Pixel, Pixel]
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
    decision: Literal["accepted", "rejected"]
    reason: str | None = None
    candidates: tuple[Candidate, ...] = ()
    review: Literal["accept", "reject"] | None = None
    versions: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        x0, y0, x1, y1 = self.box
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"box {list(self.box)} is empty")
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
        if self.review is not None:
            return self.review == "accept"
        return self.decision == "accepted"

    @property
    def region(self) -> Box:
        """The box as a :class:`Box`."""
        return Box(*self.box)

    def line(self) -> str:
        """The manifest line, with its newline; ASCII, so no character can split it."""
        return json.dumps(self.model_dump(mode="json"), allow_nan=False) + "\n"


class Manifest:
    """Reads and grows one ``manifest.jsonl``; a missing file is an empty manifest.

    Raises:
        InputError: for a line that is not a valid entry, or an id that occurs twice.
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
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._torn:
            os.truncate(self._path, self._whole_bytes)
            self._torn = False
        with self._path.open("ab") as file:
            file.write(entry.line().encode())
            file.flush()
            os.fsync(file.fileno())
        self._entries[entry.id] = entry

    def replace(self, entry: Entry) -> None:
        """Put ``entry`` in the place of the entry of the same id, atomically.

        Raises:
            KeyError: if there is none.
        """
        if entry.id not in self._entries:
            raise KeyError(entry.id)
        self._entries[entry.id] = entry
        self.finish()

    def finish(self) -> None:
        """Rewrite the file atomically in its canonical order, sorted by id."""
        write_text(self._path, "".join(entry.line() for entry in self))
        self._torn = False

    def _parse(self, line: bytes, number: int) -> Entry:
        try:
            return Entry.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(
                f"{self._path}: line {number} is no manifest entry ({where}: {first['msg']}); "
                "generate the bank again or remove the line."
            ) from error
