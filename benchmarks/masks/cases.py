"""Ground truth by construction: real defects on other normals, through the prior's autoencoder.

The window is treated as a drawn one is: only the latents inside the box are the defect's, those
around it are the normal's, and what decoding loses of the normal is added again where nothing was
drawn. ``jitter`` is noise on the latents inside the box, so that the normal pixels of the box
differ a little too, as they do when a sampler has drawn them anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.placement.box import Box
from anogen.placement.boxes import Ground, draw_places
from anogen.placement.foreground import choose_method, foreground
from anogen.placement.settings import ForegroundMethod, PlacementSettings
from anogen.placement.sizes import LearnedSizes
from anogen.placement.window import Window, window_around
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import rng_of
from anogen.study.stages.judging import PROBES
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.mask_recovery import change_map

FITTED = {
    "capsule": "mvtec_fewshot/capsule",
    "hazelnut": "mvtec_fewshot/hazelnut",
    "cookie": "aws_cookie/cookie",
    "magnetic_tile": "magnetic_tile/magnetic_tile",
}
"""Products on which the method's numbers were chosen."""

HELD_OUT = {
    "screw": "mvtec_screw/screw",
    "leather": "mvtec_fewshot/leather",
    "metal_nut": "mvtec_fewshot/metal_nut",
    "bottle": "mvtec_fewshot/bottle",
}
"""Products on which they were not."""

WHOLE = {"flip", "uneven", "fray"}
"""Defects of a whole part or image: their masks mark no place."""

THIN = 5
"""Pixels: a mask nowhere wider is a thin one."""


VISIBLE = 15 / 255
"""A real defect that changes its new place by less than this, on average, is not seen there."""

SMALLEST_SCALE = 0.4
"""A blob that would have to shrink further to be thin is left out."""


@dataclass(frozen=True)
class Goods:
    """The good images of a product.

    Attributes:
        normals: all of them, uint8 ``(H, W, 3)``.
        method: what tells its object from the background.
        probes: those that calibrate the gate.
        objects: boolean ``(H, W)``, the object on each probe.
    """

    normals: list[NDArray[np.uint8]]
    method: ForegroundMethod
    probes: list[NDArray[np.uint8]]
    objects: list[NDArray[np.bool_]]


def goods_of(root: Path) -> Goods:
    """Those of a category's folder."""
    normals = [to_rgb8(read_image(p)) for p in sorted((root / "train" / "good").glob("*.png"))]
    method = choose_method(normals)
    probes = normals[:: max(1, len(normals) // PROBES)][:PROBES]
    return Goods(normals, method, probes, [foreground(probe, method) for probe in probes])


@dataclass(frozen=True)
class Case:
    """One known defect.

    Attributes:
        normal: uint8 ``(H, W, 3)``, the image it was put on.
        pasted: the same with the real defect, before the autoencoder.
        shown: the same with what came out of the autoencoder inside the box.
        truth: boolean ``(H, W)``.
        drawn: float32 ``(S, S, 3)`` in [0, 1], the window decoded with the defect.
        decoded: the window decoded without it.
    """

    category: str
    defect: str
    thin: bool
    jitter: float
    window: Window
    box: Box
    normal: NDArray[np.uint8]
    pasted: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    drawn: NDArray[np.float32]
    decoded: NDArray[np.float32]


def width_of(mask: NDArray[np.bool_]) -> float:
    """Largest width of a mask in pixels."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) - 1


def cases(
    data: Path,
    prior: LatentDiffusion,
    *,
    each: int,
    jitters: tuple[float, ...],
    seed: int,
    feather: int = 0,
) -> Iterator[Case]:
    """``each`` cases of every defect, and as many with the defect shrunken until it is thin.

    With ``feather`` 0 nothing but the mask is pasted, so that the truth is exact; else every
    second paste brings a faded ring of its old surroundings along, which belongs to no mask.
    """
    for category, folder in (FITTED | HELD_OUT).items():
        root = data / folder
        normals = [to_rgb8(read_image(p)) for p in sorted((root / "train" / "good").glob("*.png"))]
        method = choose_method(normals)
        for defect in sorted(p.name for p in (root / "ground_truth").iterdir()):
            if defect in WHOLE:
                continue
            real = real_defects(root, defect)
            for thin in (False, True):
                rng = rng_of(seed, "masks", category, defect, str(thin))
                for number in range(each):
                    image, mask = real[int(rng.integers(len(real)))]
                    normal = normals[int(rng.integers(len(normals)))]
                    legal = foreground(normal, method)
                    blend = "poisson" if number % 2 else "feather"
                    made = _pasted(
                        image, mask, normal, legal, rng, thin=thin, blend=blend, feather=feather
                    )
                    if made is not None:
                        names = (category, defect)
                        yield from _through(prior, names, normal, made, rng, jitters)


def real_defects(root: Path, defect: str) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Every real image of a defect with its mask, sorted by name."""
    found = []
    for path in sorted((root / "test" / defect).glob("*.png")):
        masks = list((root / "ground_truth" / defect).glob(f"{path.stem}*.png"))
        if masks:
            image = to_rgb8(read_image(path))
            mask = read_mask(masks[0], image.shape[:2])
            if mask.any():
                found.append((image, mask))
    return found


def shuffled_pools(
    root: Path, category: str, *, seed: int, shots: int
) -> dict[str, list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]]:
    """The real defects of each type that has more than ``shots``, in random order: the first of
    each are its shots."""
    pools = {}
    for defect in sorted(p.name for p in (root / "ground_truth").iterdir()):
        real = [] if defect in WHOLE else real_defects(root, defect)
        if len(real) > shots:
            order = rng_of(seed, "gate", category, defect).permutation(len(real))
            pools[defect] = [real[i] for i in order]
    return pools


def _pasted(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    normal: NDArray[np.uint8],
    legal: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    thin: bool,
    blend: Literal["feather", "poisson"],
    feather: int,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Box] | None:
    """A defect on a normal, its mask, and the box a run would have asked it into."""
    scale = (0.8, 1.25)
    if thin:
        factor = 0.9 * THIN / width_of(mask)
        if factor < SMALLEST_SCALE:
            return None  # a blob, not a scratch: shrunken further nothing of it is left
        scale = (min(factor, 1.0), min(factor, 1.0))
    # The box is looser than the defect by up to a half on each side.
    grow = rng.uniform(0.1, 0.5)
    shrunken = cv2.resize(
        mask.astype(np.uint8), None, fx=scale[0], fy=scale[0], interpolation=cv2.INTER_AREA
    )
    extent = _centred(shrunken > 0, mask.shape)
    sizes = LearnedSizes.of_masks([extent], margin=grow, jitter=0.2, turn=True)
    try:
        [place] = draw_places(Ground(legal), sizes, rng, settings=PlacementSettings(), what="case")
    except ValueError:
        return None
    paste = CropPasteSynthesizer(
        [(image, mask)], blend=blend, feather=feather, scale=scale, turn=20
    )
    box = place.box
    anomaly = paste(normal, box.mask(*normal.shape[:2]), rng)
    truth = anomaly.mask >= 0.5
    change = np.abs(anomaly.image.astype(np.float32) - normal).max(axis=2) / 255
    if truth.sum() < 6 or change[truth].mean() < VISIBLE or (width_of(truth) < THIN) != thin:
        return None
    return anomaly.image.astype(np.uint8), truth, box


def _centred(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    full = np.zeros(shape, dtype=bool)
    rows, columns = np.nonzero(mask)
    rows, columns = rows - rows.min(), columns - columns.min()
    full[np.minimum(rows, shape[0] - 1), np.minimum(columns, shape[1] - 1)] = True
    return full


@torch.no_grad()
def _through(
    prior: LatentDiffusion,
    names: tuple[str, str],
    normal: NDArray[np.uint8],
    made: tuple[NDArray[np.uint8], NDArray[np.bool_], Box],
    rng: np.random.Generator,
    jitters: tuple[float, ...],
) -> Iterator[Case]:
    pasted, truth, box = made
    size = prior.image_size
    window = window_around(box, *truth.shape, size=size, context=2.0)
    cut = [np.clip(window.cut(image, size) / 255, 0, 1) for image in (normal, pasted)]
    before, after = prior.encode(torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2) * 2 - 1)
    region = np.clip(window.cut(box.mask(*truth.shape).astype(np.float32), size), 0, 1)
    share = F.avg_pool2d(torch.from_numpy(region)[None], size // prior.latent_size)
    noise = torch.from_numpy(rng.standard_normal(tuple(before.shape)).astype(np.float32))
    mixed = [before + share * (after + jitter * noise - before) for jitter in jitters]
    images = (prior.decode(torch.stack([before, *mixed])).clamp(-1, 1) + 1) / 2
    decoded, *drawn = images.permute(0, 2, 3, 1).contiguous().numpy()
    for jitter, one in zip(jitters, drawn, strict=True):
        shown = _shown(normal, one, decoded, window, box)
        thin = width_of(truth) < THIN
        yield Case(*names, thin, jitter, window, box, normal, pasted, shown, truth, one, decoded)


def _shown(
    normal: NDArray[np.uint8],
    drawn: NDArray[np.float32],
    decoded: NDArray[np.float32],
    window: Window,
    box: Box,
) -> NDArray[np.uint8]:
    """The image as the synthesizer shows it, without its feathered seam."""
    new, old = window.box_of(drawn, box), window.box_of(decoded, box)
    kept = 1 - np.clip(window.box_of(change_map(drawn, decoded), box), 0, 1)[..., None]
    result = new + kept * (normal[box.slices].astype(np.float32) / 255 - old)
    shown = normal.copy()
    shown[box.slices] = np.round(np.clip(result, 0, 1) * 255).astype(np.uint8)
    return shown
