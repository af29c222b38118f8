"""Contact sheets: rows of equal tiles under a line of text."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Tile = NDArray[np.uint8]


def row(title: str, tiles: list[Tile], *, columns: int, side: int = 128) -> Tile:
    """Tiles in lines of ``columns`` under a title, uint8 RGB."""
    lines = []
    for start in range(0, len(tiles), columns):
        line = np.full((side + 4, columns * (side + 4), 3), 255, np.uint8)
        for index, tile in enumerate(tiles[start : start + columns]):
            x = index * (side + 4)
            method = cv2.INTER_AREA if len(tile) > side else cv2.INTER_CUBIC
            line[:side, x : x + side] = cv2.resize(tile, (side, side), interpolation=method)
        lines.append(line)
    text = np.full((18, lines[0].shape[1], 3), 255, np.uint8)
    cv2.putText(text, title, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([text, *lines])


def write_sheet(path: Path, rows: list[Tile]) -> None:
    """Stack rows of equal width into an image file, the kind by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85]):
        raise OSError(f"{path}: cannot be written")
