"""What a concept drew while it was learned, as pictures for the report."""

import re
from pathlib import Path

from anogen.data.images import read_image
from anogen.study.pictures import Picture, data_uri, eight_bit

SHOWN = 6
"""Previews of a defect, at most; the last is always among them."""


def preview_pictures(folder: Path, defect: str, *, edge: int) -> tuple[Picture, ...]:
    """The previews of a defect that learning left in ``folder``, by steps; none without them.

    Args:
        folder: ``concepts/<category>/previews`` of a run.
        defect: its name.
        edge: width of a picture in pixels, at most.
    """
    name = re.compile(re.escape(defect) + r"-(\d{6})")
    found = {
        int(match[1]): path
        for path in folder.glob("*.png")
        if (match := name.fullmatch(path.stem)) is not None
    }
    steps = sorted(found)
    count = min(SHOWN, len(steps))
    chosen = [steps[(number + 1) * len(steps) // count - 1] for number in range(count)]
    return tuple(_picture(found[step], defect, step, edge=edge) for step in chosen)


def _picture(path: Path, defect: str, step: int, *, edge: int) -> Picture:
    image = eight_bit(read_image(path))
    return Picture(
        uri=data_uri(image, edge=edge),
        width=image.shape[1],
        height=image.shape[0],
        alt=f"Views of {defect} above, and what the tokens drew there after {step} steps below",
        caption=f"After {step} steps",
    )
