"""Sketches from the procedural world: a defect of a word, rendered onto any good part.

Not of the papers. Beside support defects that are warped into the region (``croppaste``,
``mask_fill``), a prior may redraw a defect that nobody has photographed, of a kind that the shots
only name.
"""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.placement.window import window_around
from anogen.prior.world.defects import draw_defect
from anogen.synthesis.canvas import FULL, unit_rgb
from anogen.synthesis.contract import Image

SIDE, CONTEXT = 128, 2.0
"""Pixels of the window that is rendered, and its side as a multiple of the region's."""


def rendered(
    normal: Image, region: NDArray[np.bool_], rng: np.random.Generator, *, kind: str
) -> tuple[Image, NDArray[np.bool_]]:
    """A rendered defect in a region.

    Args:
        normal: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16.
        region: boolean ``(H, W)``, not empty.
        rng: the only source of randomness.
        kind: one of the words of the procedural world.

    Returns:
        The image, the normal outside the region; and the defect's outline, boolean ``(H, W)``
        within the region, not empty.

    Raises:
        InputError: for an unknown kind.
    """
    white = FULL[normal.dtype]
    box = Box.around(region)
    window = window_around(box, *region.shape, size=SIDE, context=CONTEXT)
    clean = unit_rgb(normal, window, SIDE)
    share = window.cut(region, SIDE)
    # Of a region that is thinner than a pixel here, the middle.
    inside = share >= min(0.5, float(share.max()))
    drawn, soft = draw_defect(kind, clean, np.ones(inside.shape, bool), inside, rng)
    change, cover = window.box_of(drawn - clean, box), region[box.slices]
    if normal.ndim == 2:
        change = change.mean(axis=2)
    below = normal[box.slices].astype(np.float32) / white
    shown = np.clip(below + change, 0, 1) * white
    image = normal.copy()
    image[box.slices][cover] = shown.round().astype(normal.dtype)[cover]
    seen = np.where(cover, window.box_of(soft, box), 0)
    outline = np.zeros(region.shape, bool)
    outline[box.slices] = cover & (seen >= min(0.5, float(seen.max())))
    return image, outline
