"""CutPaste: a piece of the image, its colours jittered, pasted somewhere else on it.

Li et al., "CutPaste: Self-Supervised Learning for Anomaly Detection and Localization", CVPR 2021,
section 3.2 and appendix A: a patch of 2 to 15 % of the image with an aspect ratio of 0.3 to 3.3;
a scar 2 to 16 pixels wide and 10 to 25 long, turned by up to 45 degrees (at 256 pixels, scaled
with the image here); colour jitter of 0.1. The paper labels whole images; here the pasted pixels
are the mask.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.synthesis.canvas import FULL, check, finished
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.paste import choose_corner, overlap

Form = Literal["patch", "scar", "either"]
_FORMS = ("patch", "scar")


@dataclass(frozen=True)
class CutPasteSynthesizer:
    """Draws CutPaste's anomalies.

    Attributes:
        form: ``"patch"``, ``"scar"``, or ``"either"`` with probability one half each.
        area: range of a patch's share of the image.
        aspect: largest ratio of a patch's longer to its shorter side.
        scar_width: range in pixels of an image of 256.
        scar_length: range in pixels of an image of 256.
        turn: a scar is turned by up to so many degrees either way.
        jitter: strength of the change of brightness, contrast, saturation and hue.
    """

    form: Form = "either"
    area: tuple[float, float] = (0.02, 0.15)
    aspect: float = 3.3
    scar_width: tuple[float, float] = (2.0, 16.0)
    scar_length: tuple[float, float] = (10.0, 25.0)
    turn: float = 45.0
    jitter: float = 0.1

    def __call__(
        self, normal: Image, region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> Anomaly:
        """Cut, jitter and paste, anywhere or so that the paste lies in the region.

        Raises:
            InputError: as :func:`anogen.synthesis.canvas.check`.
        """
        check(normal, region)
        height, width = normal.shape[:2]
        form = _FORMS[rng.integers(2)] if self.form == "either" else self.form
        shape = self._patch if form == "patch" else self._scar
        patch_mask = shape(height, width, rng)
        tall, wide = patch_mask.shape
        from_y = int(rng.integers(0, height - tall + 1))
        from_x = int(rng.integers(0, width - wide + 1))
        cut = normal[from_y : from_y + tall, from_x : from_x + wide]
        patch = jittered(cut, self.jitter, rng)
        corner = choose_corner(patch_mask, (height, width), region, rng)
        here, there = overlap(corner, patch_mask.shape, normal.shape)
        mask = np.zeros((height, width), dtype=bool)
        mask[there] = patch_mask[here] if region is None else patch_mask[here] & region[there]
        image = normal.copy()
        image[there][mask[there]] = patch[here][mask[there]]
        provenance = {"synthesizer": "cutpaste", "form": form, "cut": [from_x, from_y]}
        return finished(image, mask, mask, region, provenance)

    def _patch(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """A full rectangle."""
        area = height * width * rng.uniform(*self.area)
        ratio = np.exp(rng.uniform(-1, 1) * np.log(self.aspect))
        tall = int(np.clip(round(np.sqrt(area * ratio)), 1, height))
        wide = int(np.clip(round(np.sqrt(area / ratio)), 1, width))
        return np.ones((tall, wide), dtype=bool)

    def _scar(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """A turned thin rectangle in the smallest window that holds it."""
        scale = min(height, width) / 256
        wide, long = rng.uniform(*self.scar_width) * scale, rng.uniform(*self.scar_length) * scale
        # Lengths run down the image before the turn, as in the paper.
        angle = np.deg2rad(rng.uniform(-self.turn, self.turn))
        cos, sin = np.cos(angle), np.sin(angle)
        tall_window = int(np.clip(np.ceil(long * cos + wide * abs(sin)), 1, height))
        wide_window = int(np.clip(np.ceil(wide * cos + long * abs(sin)), 1, width))
        y, x = np.ogrid[:tall_window, :wide_window]
        y, x = y - (tall_window - 1) / 2, x - (wide_window - 1) / 2
        # Half a pixel at least on each side, so that no scar falls between pixels.
        across = np.abs(x * cos + y * sin) <= max(wide, 1.5) / 2
        along = np.abs(y * cos - x * sin) <= max(long, 1.5) / 2
        scar: NDArray[np.bool_] = across & along
        return scar


def jittered(patch: Image, strength: float, rng: np.random.Generator) -> Image:
    """A patch whose brightness, contrast, saturation and hue changed at random.

    Args:
        patch: ``(h, w)`` or ``(h, w, 3)``; grey has no saturation and hue.
        strength: factors lie within ``1 +- strength``, hue turns by up to ``strength`` of the
            colour circle.
        rng: the source of randomness.
    """
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    hue = rng.uniform(-strength, strength) * 360
    full = FULL[patch.dtype]
    values = patch.astype(np.float32) * np.float32(brightness / full)
    mean = np.float32(values.mean())
    values = np.clip((values - mean) * np.float32(contrast) + mean, 0, 1)
    if patch.ndim == 3:
        colours = cv2.cvtColor(values, cv2.COLOR_RGB2HSV)
        colours[..., 0] = (colours[..., 0] + np.float32(hue)) % 360
        colours[..., 1] = np.minimum(colours[..., 1] * np.float32(saturation), 1)
        values = cv2.cvtColor(colours, cv2.COLOR_HSV2RGB)
    jittered_patch: Image = np.rint(np.clip(values, 0, 1) * full).astype(patch.dtype)
    return jittered_patch
