"""What a trained detector says about images that belong to no dataset, of any size."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anogen.data.images import read_image, to_rgb8, write_png
from anogen.data.listing import images_below
from anogen.detection.contract import Detector
from anogen.detection.inspection import inspect
from anogen.errors import InputError
from anogen.files import whole_folder, write_bytes, write_text
from anogen.study.pictures import heat

TABLE = "scores.csv"


@dataclass(frozen=True)
class Scored:
    """One image, its score, and its files relative to the output folder.

    Attributes:
        image: the image as it was named.
        score: larger is more anomalous.
        defective: whether the score reaches the threshold; None without one.
        map: float16 ``.npy`` of the image's own size, in [0, 1].
        overlay: PNG of the image's own size, with the map as colour over it.
    """

    image: str
    score: float
    defective: bool | None
    map: str
    overlay: str


def images_at(places: Sequence[Path]) -> dict[str, Path]:
    """Image files by the name that what is said of them gets, in order.

    Args:
        places: files, and folders, of which all images below are taken, sorted; their names keep
            the path within the folder.

    Raises:
        InputError: if a place does not exist, a folder has no images, a name is no UTF-8, or two
            images would have the same name.
    """
    found: dict[str, Path] = {}
    for place in places:
        if place.is_dir():
            files = images_below(place)
            if not files:
                raise InputError(f"{place}: no images there; give a folder of PNG, JPEG or TIFF.")
        elif place.is_file():
            files = [place]
        else:
            raise InputError(f"{place}: no such file or folder; check the path.")
        for path in files:
            inner = path.relative_to(place) if path != place else Path(path.name)
            name = inner.with_suffix("").as_posix()
            try:
                str(path).encode()
            except UnicodeEncodeError:
                shown = str(path).encode(errors="replace").decode()
                raise InputError(f"{shown}: the name is no valid UTF-8; rename it.") from None
            if name in found:
                raise InputError(
                    f"{path} and {found[name]}: both would be called {name}; give them in calls "
                    "of their own, or the folder above them."
                )
            found[name] = path
    return found


def score_images(
    detector: Detector,
    images: dict[str, Path],
    out: Path,
    *,
    threshold: float | None = None,
    on_image: Callable[[int, int], None] | None = None,
) -> list[Scored]:
    """Score images, and write a table, a score map and a picture of each.

    ``out`` gets ``scores.csv``, ``maps/<name>.npy`` and ``overlays/<name>.png``, all or nothing.
    One image at a time, so that no score depends on which other images are given. Colours run from
    0 to 1 in every picture.

    Args:
        detector: trained.
        images: as :func:`images_at` finds them.
        out: a new or an empty folder.
        threshold: score from which an image is called defective; None calls none so.
        on_image: called with how many are done, of how many.

    Raises:
        InputError: for an image that cannot be read, or a folder that is not empty.
    """
    scored = []
    with whole_folder(out) as part:
        for number, (name, path) in enumerate(images.items(), start=1):
            image = to_rgb8(read_image(path))
            seen = inspect(detector, image)
            one = Scored(
                image=str(path),
                score=seen.score,
                defective=None if threshold is None else seen.score >= threshold,
                map=f"maps/{name}.npy",
                overlay=f"overlays/{name}.png",
            )
            buffer = io.BytesIO()
            np.save(buffer, seen.score_map, allow_pickle=False)
            write_bytes(part / one.map, buffer.getvalue())
            write_png(part / one.overlay, heat(image, seen.score_map, low=0.0, high=1.0))
            scored.append(one)
            if on_image is not None:
                on_image(number, len(images))
        write_text(part / TABLE, _table(scored))
    return scored


def _table(scored: Sequence[Scored]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "score", "defective", "map", "overlay"])
    for one in scored:
        word = {None: "", True: "yes", False: "no"}[one.defective]
        writer.writerow([one.image, f"{one.score:.6f}", word, one.map, one.overlay])
    return file.getvalue()
