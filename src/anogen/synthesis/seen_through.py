"""The good surface under a shot's defect, where it shows through: from good images that lie alike.

Parts that lie alike in all images (cells, boards, printed goods) show at the place of a defect what
the good ones show there. A shade or a thin film lets that show through; then the shot over the good
surface is what the defect alone does, and the part that it is drawn on keeps its own lines. A hole
or a lump hides it, and so does every defect where parts lie as they come, as nothing tells what was
there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.synthesis.blending import rounded
from anogen.synthesis.canvas import FULL, as_kind
from anogen.synthesis.contract import Image, Support

ALIKE, THROUGH = 0.6, 0.25
"""Least correlation of fine structure, shot to good surface, around the defect and inside of it;
means over the shots of a type."""

_RIM = 3  # pixels around a mask that may hold some of the defect
_ALIGNED, _KEPT = 8, 3  # good images that are aligned to a shot, and of these the best, which count
_FEW = 100  # pixels of a mask in which no structure can be told
_FLOOR = 4.0  # grey levels that soften the logarithm of dark pixels


def surfaces_of(
    supports: Mapping[str, Sequence[Support]], goods: Iterable[Image]
) -> dict[str, list[Image | None]]:
    """What lay under the defects of each type, or None for all of a type that hides it.

    Args:
        supports: of each type images with a defect and boolean masks ``(H, W)``, not empty.
        goods: good images, each looked at once; those of another size than a shot say nothing
            about it.

    Returns:
        Of each support an image as it is, with the good surface around and under its defect.
    """
    shots = {
        defect: [Search(image, mask) for image, mask in given] for defect, given in supports.items()
    }
    for good in goods:
        for some in shots.values():
            for shot in some:
                shot.look_at(good)
    return {defect: _through([shot.found() for shot in some]) for defect, some in shots.items()}


@dataclass(frozen=True, eq=False)
class Found:
    """The good surface of one shot.

    Attributes:
        image: the shot's with the good surface around and under its defect.
        alike: correlation of fine structure around the defect.
        through: the same inside; None of a small defect.
    """

    image: Image
    alike: float
    through: float | None


class Search:
    """The good images that look most like a shot around its defect.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
    """

    def __init__(self, image: Image, mask: NDArray[np.bool_]) -> None:
        box = Box.around(mask)
        self._image = image
        self._window = box.grown(max(16, max(box.width, box.height) // 2), *mask.shape).slices
        self._inside = mask[self._window]
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM + 1, 2 * _RIM + 1))
        self._around = cv2.dilate(self._inside.astype(np.uint8), disc) == 0
        self._unit = FULL[image.dtype] / 255
        self._shown = self._grey_levels(image)
        self._likest: list[tuple[float, NDArray[np.float32]]] = []

    def look_at(self, good: Image) -> None:
        """Keep a good image's window if it is among the likest."""
        if good.shape[:2] != self._image.shape[:2] or self._around.sum() < _FEW:
            return
        cut = self._grey_levels(good)
        self._likest.append(self._rated(cut))
        self._likest.sort(key=lambda rated: rated[0])
        del self._likest[_ALIGNED:]

    def found(self) -> Found | None:
        """The good surface; None where too little is seen around the defect, or no good image has
        its size."""
        if not self._likest:
            return None
        aligned = [self._rated(_aligned(self._shown, c, self._around)) for _, c in self._likest]
        best = sorted(aligned, key=lambda rated: rated[0])[:_KEPT]
        surface = np.asarray(np.mean([cut for _, cut in best], axis=0), np.float32)
        alike, _ = _agreement(self._shown, surface, self._around)
        through = None
        if self._inside.sum() >= _FEW:
            through, share = _agreement(self._shown, surface, self._inside)
            surface = np.where(_like(~self._around, surface), _faint(surface, share), surface)
        image = self._image.copy()
        image[self._window] = rounded(self._unit * surface, image)
        return Found(image, alike, through)

    def _grey_levels(self, image: Image) -> NDArray[np.float32]:
        """The window of an image in the shot's kind, in grey levels of 8 bit."""
        return np.asarray(as_kind(image[self._window], self._image) / self._unit, np.float32)

    def _rated(self, cut: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """How far a good window is from the shot around the defect, and it in the shot's light."""
        around = self._around
        gain = self._shown[around].mean(axis=0) / np.maximum(cut[around].mean(axis=0), 1e-6)
        lit = np.asarray(cut * gain, np.float32)
        return float(np.abs(self._shown - lit)[around].mean()), lit


def _through(found: Sequence[Found | None]) -> list[Image | None]:
    """The surfaces of a type's shots, if they show through."""
    nothing: list[Image | None] = [None] * len(found)
    told = [one for one in found if one is not None and one.through is not None]
    if not told or None in found:
        return nothing
    alike = np.mean([one.alike for one in told])
    through = np.mean([one.through for one in told if one.through is not None])
    if alike < ALIKE or through < THROUGH:
        return nothing
    return [None if one is None else one.image for one in found]


def _aligned(
    shown: NDArray[np.float32], good: NDArray[np.float32], around: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """A good image shifted by parts of a pixel onto the shot; as it is where that fails."""
    shift = np.eye(2, 3, dtype=np.float32)
    try:
        cv2.findTransformECC(
            _grey(shown),
            _grey(good),
            shift,
            cv2.MOTION_TRANSLATION,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3),
            around.view(np.uint8),
            5,
        )
    except cv2.error:
        return good
    moved: NDArray[np.float32] = cv2.warpAffine(
        good,
        shift,
        (good.shape[1], good.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved


def _agreement(
    shown: NDArray[np.float32], surface: NDArray[np.float32], where: NDArray[np.bool_]
) -> tuple[float, float]:
    """Correlation of fine structure, and the share of the surface's that is shown, in [0, 1]."""
    scale = max(2.0, float(np.sqrt(where.sum())) / 20)
    one, other = (_fine(picture, where, scale)[where] for picture in (shown, surface))
    one, other = one - one.mean(), other - other.mean()
    spread = float(one.std() * other.std())
    if spread == 0:
        return 0.0, 0.0
    common = float((one * other).mean())
    return common / spread, float(np.clip(common / other.var(), 0, 1))


def _faint(surface: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The surface with a share of its structure: what a dark defect lets through of it.

    Where it lets less through, the shot over the whole structure would show that inverted.
    """
    scale = max(4.0, min(surface.shape[:2]) / 16)
    fine = _fine(surface, np.ones(surface.shape[:2], bool), scale)
    gain = _like(np.exp((share - 1) * fine), surface)
    return np.asarray(surface * gain, np.float32)


def _fine(
    picture: NDArray[np.float32], where: NDArray[np.bool_], scale: float
) -> NDArray[np.float32]:
    """Logarithms of grey levels without what is smooth of them in the region ``where``, so that a
    shade changes nothing."""
    level = np.log(_grey(picture) + _FLOOR)
    weight = where.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), scale), 1e-3)
    smooth = cv2.GaussianBlur(level * weight, (0, 0), scale) / share
    return np.asarray(level - smooth, np.float32)


def _like(plane: NDArray[Any], picture: NDArray[np.float32]) -> NDArray[Any]:
    """A plane for each channel of a picture."""
    return plane if picture.ndim == 2 else plane[..., None]


def _grey(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return picture if picture.ndim == 2 else np.asarray(picture.mean(axis=2), np.float32)
