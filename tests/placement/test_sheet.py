"""The contact sheet: what is drawn, and where."""

import numpy as np

from anogen.placement.box import Box
from anogen.placement.boxes import Ground, Place
from anogen.placement.sheet import (
    BOX,
    COLUMNS,
    FORBIDDEN,
    GAP,
    OBJECT,
    SHAPE,
    TEXT,
    TILE,
    Tile,
    contact_sheet,
)


def tile(height, width, *, shape=None, forbidden=None):
    object_ = np.zeros((height, width), bool)
    object_[height // 4 : height // 2, width // 4 : width // 2] = True
    box = Box(width // 2, height // 2, width // 2 + 16, height // 2 + 16)
    place = Place(box, np.ones((16, 16), bool) if shape is None else shape)
    image = np.full((height, width), 90, np.uint8)
    return Tile(image, Ground(object_, forbidden=forbidden), (place,), "plate Schramme ü")


def where(sheet, colour):
    return np.argwhere((sheet == colour).all(axis=2))


def test_tiles_stand_in_rows_whatever_their_size():
    sheet = contact_sheet([tile(64, 64)] * (COLUMNS + 1))
    assert sheet.shape == (2 * (TILE + TEXT + GAP) + GAP, COLUMNS * (TILE + GAP) + GAP, 3)
    assert sheet.dtype == np.uint8
    one = contact_sheet([tile(600, 300)])
    # A picture of 256 x 128 pixels in the middle of its tile.
    grey = np.argwhere((one == 90).all(axis=2))
    assert grey[:, 1].min() == GAP + 64
    assert grey[:, 1].max() == GAP + 64 + 127
    assert np.ptp(grey[:, 0]) == 255


def test_box_and_object_are_outlined_where_they_are():
    sheet = contact_sheet([tile(64, 64)])
    # Four pixels of the sheet for each of the image.
    box = where(sheet, BOX) - GAP
    assert box.min(axis=0).tolist() == [128, 128]
    assert box.max(axis=0).tolist() == [4 * 47, 4 * 47]
    object_ = where(sheet, OBJECT) - GAP
    assert object_.min(axis=0).tolist() == [64, 64]
    assert object_.max(axis=0).tolist() == [127, 127]
    assert len(where(sheet, FORBIDDEN)) == len(where(sheet, SHAPE)) == 0


def test_forbidden_regions_and_turned_shapes_have_their_own_lines():
    forbidden = np.zeros((64, 64), bool)
    forbidden[:8] = True
    shape = np.eye(16, dtype=bool) | np.eye(16, k=1, dtype=bool)
    sheet = contact_sheet([tile(64, 64, shape=shape, forbidden=forbidden)])
    assert (where(sheet, FORBIDDEN)[:, 0] - GAP).max() == 31
    assert len(where(sheet, SHAPE)) > 20
