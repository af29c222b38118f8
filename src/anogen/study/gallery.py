"""The gallery: for each defect its real shots, and how normal parts became defective ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from anogen.bank.bank import Bank
from anogen.bank.manifest import Entry
from anogen.data.images import read_image, read_mask
from anogen.errors import InputError
from anogen.files import inside, sha256_of
from anogen.placement.box import Box
from anogen.study.bank_table import redrawn_reasons, rejection
from anogen.study.pictures import (
    Outline,
    Picture,
    box_outline,
    data_uri,
    eight_bit,
    truth_outline,
    window_around,
)

ROWS, BESIDE = 6, 4
"""Accepted images that are shown; where some were rejected, so many of both side by side."""

INSET_EDGE = 72


class Shot(BaseModel):
    """A support shot as the concept file names it.

    Attributes:
        key: path relative to the dataset's root.
        sha256: hash of the file.
    """

    key: str
    sha256: str


class LearnedWith(BaseModel):
    """Of a concept's settings those that say when its losses were measured."""

    steps: int = 0
    check_every: int = 1


class ConceptHeader(BaseModel):
    """What the header of a concept file says about how it was learned."""

    category: str
    defect: str
    shots: tuple[Shot, ...] = ()
    losses: tuple[float, ...] = ()
    settings: LearnedWith = LearnedWith()

    @property
    def checked(self) -> list[int]:
        """The steps after which the losses were measured."""
        learned = self.settings
        return [min(n * learned.check_every, learned.steps) for n in range(len(self.losses))]


@dataclass(frozen=True)
class Row:
    """One generated image: the normal part with its box, the result, the mask, the change.

    Attributes:
        identity: of the image.
        detail: what made it, in a line.
        pictures: of it.
        reason: why it was rejected; empty for an accepted one.
    """

    identity: str
    detail: str
    pictures: tuple[Picture, ...]
    reason: str = ""


@dataclass(frozen=True)
class DefectGallery:
    """The gallery of one defect.

    Attributes:
        defect: its name.
        shots: the real images it was learned from.
        rows: generated images, evenly spaced over the accepted ones.
        accepted: how many accepted ones there are.
        refused: the same of the rejected ones.
        rejected: how many of these there are.
        redrawn: why drawings were rejected in whose place the bank has later ones, with counts.
        previews: what the concept drew while it was learned, where that was asked for.
    """

    defect: str
    shots: tuple[Picture, ...]
    rows: tuple[Row, ...]
    accepted: int
    refused: tuple[Row, ...] = ()
    rejected: int = 0
    redrawn: tuple[tuple[str, int], ...] = ()
    previews: tuple[Picture, ...] = ()

    @property
    def both(self) -> tuple[Row, ...]:
        """Accepted and rejected ones by turns, as far as there are both."""
        pairs = zip_longest(self.rows, self.refused)
        return tuple(one for pair in pairs for one in pair if one is not None)


@dataclass
class Dataset:
    """Read access to the images a run was made from; notes what it cannot find.

    Attributes:
        root: the dataset's root; None if the run does not name one.
        masks: paths of the masks of defective images, by key.
        missing: keys that could not be read, or are not the files the run was made from.
    """

    root: Path | None
    masks: Mapping[str, Path] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def image(self, key: str, sha256: str | None = None) -> NDArray[np.uint8] | None:
        """The image with 8 bits; None where it is missing or its hash differs."""
        if self.root is None:
            return None
        try:
            path = inside(self.root, key)
            if sha256 is not None and path.is_file() and sha256_of(path) != sha256:
                raise InputError(f"{key}: the file changed since the run.")
            return eight_bit(read_image(path, name=key))
        except InputError:
            self.missing.add(key)
            return None

    def mask(self, key: str, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """The mask of a defective image of ``shape``; None where there is none to read."""
        try:
            path = self.masks.get(key)
            return None if path is None else read_mask(path, (shape[0], shape[1]), name=key)
        except InputError:
            return None


def read_concept_header(path: Path) -> ConceptHeader:
    """Read the ``anogen`` entry of a concept file's header.

    Raises:
        InputError: if the file is no safetensors file or has no such entry.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return ConceptHeader.model_validate_json((file.metadata() or {})["anogen"])
    except (SafetensorError, OSError, KeyError, ValidationError) as error:
        raise InputError(f"{path}: no readable concept; run `anogen learn` again.") from error


def evenly(entries: Sequence[Entry], count: int) -> list[Entry]:
    """``count`` entries evenly spaced over ``entries``: a fair sample, not a chosen one."""
    if len(entries) <= count:
        return list(entries)
    return [entries[(2 * i + 1) * len(entries) // (2 * count)] for i in range(count)]


def defect_gallery(
    defect: str,
    concept: ConceptHeader | None,
    bank: Bank,
    dataset: Dataset,
    *,
    edge: int,
    previews: tuple[Picture, ...] = (),
) -> DefectGallery:
    """The gallery of one defect, pictures at most ``edge`` pixels wide."""
    entries = [entry for entry in bank if entry.defect == defect]
    accepted = [entry for entry in entries if entry.accepted]
    rejected = [entry for entry in entries if not entry.accepted]
    count = BESIDE if rejected else ROWS
    shots = () if concept is None else concept.shots
    pictures = (shot_picture(defect, shot, dataset, edge=edge) for shot in shots)
    return DefectGallery(
        defect=defect,
        shots=tuple(picture for picture in pictures if picture is not None),
        rows=tuple(row(entry, bank, dataset, edge=edge) for entry in evenly(accepted, count)),
        accepted=len(accepted),
        refused=tuple(row(entry, bank, dataset, edge=edge) for entry in evenly(rejected, count)),
        rejected=len(rejected),
        redrawn=redrawn_reasons(entries),
        previews=previews,
    )


def shot_picture(defect: str, shot: Shot, dataset: Dataset, *, edge: int) -> Picture | None:
    """A real defect, outlined where its mask is known; None if the file is not there."""
    image = dataset.image(shot.key, shot.sha256)
    if image is None:
        return None
    truth = dataset.mask(shot.key, image.shape)
    window, outlines = _frame(image), tuple[Outline, ...]()
    if truth is not None and truth.any():
        window = window_around(Box.around(truth), *truth.shape)
        outlines = truth_outline(truth[window.slices])
    return _view(
        image,
        window,
        edge=edge,
        alt=f"Real {defect}, support shot {shot.key}",
        caption=PurePosixPath(shot.key).name,
        outlines=outlines,
    )


def row(entry: Entry, bank: Bank, dataset: Dataset, *, edge: int) -> Row:
    """One generated image as normal with box, generated, mask and difference."""
    generated = eight_bit(bank.image(entry))
    height, width = generated.shape[:2]
    window = window_around(entry.region, height, width)
    marked = (box_outline(entry.region, window),)
    normal = dataset.image(entry.normal, entry.normal_sha256)
    mask = bank.mask(entry)
    reason = "" if entry.accepted else rejection(entry)
    what = f"{entry.defect} {entry.id}" + (f", rejected: {reason}" if reason else "")
    pictures: list[Picture] = []
    if normal is not None and normal.shape[:2] == (height, width):
        pictures.append(
            _view(
                normal,
                window,
                edge=edge,
                alt=f"Normal part {entry.normal} with the box where the {entry.defect} goes",
                caption="Normal, box",
                outlines=marked,
                inset_box=entry.region,
            )
        )
    pictures.append(
        _view(generated, window, edge=edge, alt=f"Generated {what}", caption="Generated")
    )
    if mask is not None:
        pictures.append(
            _view(
                (mask * 255).astype(np.uint8),
                window,
                edge=edge,
                alt=f"Mask of generated {what}",
                caption="Mask",
            )
        )
    if normal is not None and normal.shape[:2] == (height, width):
        change, largest = difference(normal, generated)
        pictures.append(
            _view(
                change,
                window,
                edge=edge,
                alt=f"Difference between generated {what} and its normal part",
                caption=f"Difference, up to {largest}",
            )
        )
    return Row(entry.id, _detail(entry), tuple(pictures), reason)


def difference(
    normal: NDArray[np.uint8], generated: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], int]:
    """The largest absolute change over the channels as a heat picture, and its maximum.

    The colours run from no change to the maximum (of 255), so a faint change is visible too.
    """
    change = np.abs(_colour(normal).astype(np.int32) - _colour(generated)).max(axis=2)
    largest = int(change.max())
    level = np.asarray(change * 255 // max(largest, 1), dtype=np.uint8)
    coloured = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[:, :, ::-1]
    return np.asarray(coloured, dtype=np.uint8), largest


def _detail(entry: Entry) -> str:
    gate = ", ".join(f"{name} {value:.3g}" for name, value in sorted(entry.gate.items()))
    size = f"{entry.region.width} × {entry.region.height} px box"
    return " · ".join(part for part in (entry.normal, size, f"seed {entry.seed}", gate) if part)


def _view(
    image: NDArray[np.uint8],
    window: Box,
    *,
    edge: int,
    alt: str,
    caption: str,
    outlines: tuple[Outline, ...] = (),
    inset_box: Box | None = None,
) -> Picture:
    frame = _frame(image)
    inset = None
    if inset_box is not None and window != frame:
        inset = Picture(
            uri=data_uri(image, edge=INSET_EDGE),
            width=frame.width,
            height=frame.height,
            alt="",
            caption="",
            outlines=(box_outline(inset_box, frame),),
        )
    return Picture(
        uri=data_uri(image[window.slices], edge=edge),
        width=window.width,
        height=window.height,
        alt=alt,
        caption=caption,
        outlines=outlines,
        inset=inset,
    )


def _frame(image: NDArray[np.uint8]) -> Box:
    return Box(0, 0, image.shape[1], image.shape[0])


def _colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
