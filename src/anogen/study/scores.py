"""``scores.npz``: what one detector said about every held-out image, and the truth beside it."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.data.sample import GOOD
from anogen.errors import InputError
from anogen.files import write_bytes

SCORES = "scores.npz"


@dataclass(frozen=True)
class Scores:
    """Scores of N held-out images.

    Attributes:
        keys: unicode ``(N,)``: the images' paths relative to the dataset's root.
        labels: unicode ``(N,)``: ``good`` or the name of the defect.
        image_scores: float32 ``(N,)``, larger is more anomalous.
        score_maps: float16 ``(N, S, S)``.
        masks: uint8 ``(N, S, S)``, not zero where defective.
        has_mask: bool ``(N,)``: whether the image came with a mask.
    """

    keys: NDArray[np.str_]
    labels: NDArray[np.str_]
    image_scores: NDArray[np.float32]
    score_maps: NDArray[np.float16]
    masks: NDArray[np.uint8]
    has_mask: NDArray[np.bool_]

    @property
    def defective(self) -> NDArray[np.bool_]:
        """``(N,)``: which images show a defect."""
        return np.asarray(self.labels != GOOD)

    def of(self, keys: frozenset[str]) -> "Scores":
        """The scores of the images with these keys."""
        rows = np.array([str(key) in keys for key in self.keys], dtype=bool)
        return Scores(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def pixels_known(self) -> NDArray[np.bool_]:
        """``(N,)``: good images (all pixels normal) and defective ones with a mask."""
        return np.asarray(~self.defective | self.has_mask)


def write_scores(path: Path, scores: Scores) -> None:
    """Write ``scores.npz`` atomically; equal scores give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **vars(scores))
    write_bytes(path, buffer.getvalue())


def read_keys(path: Path) -> frozenset[str]:
    """The keys of ``scores.npz`` alone.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return frozenset(str(key) for key in stored["keys"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable scores; run `anogen evaluate` again.") from error


def read_scores(path: Path) -> Scores:
    """Read ``scores.npz``; nothing is unpickled.

    Raises:
        InputError: if the file is missing, damaged, or its arrays do not belong together.
    """
    names = list(Scores.__dataclass_fields__)
    try:
        with np.load(path, allow_pickle=False) as stored:
            scores = Scores(**{name: stored[name] for name in names})
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable scores; run `anogen evaluate` again.") from error
    if len({len(getattr(scores, name)) for name in names}) != 1 or (
        scores.score_maps.shape != scores.masks.shape
    ):
        raise InputError(f"{path}: its arrays differ in length; run `anogen evaluate` again.")
    return scores
