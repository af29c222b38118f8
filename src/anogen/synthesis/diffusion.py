"""A learned concept drawn into regions of normal images: what all diffusion synthesizers share.

A square window around the region is drawn in, not the whole frame; pixels outside the region are
those of the normal image, byte for byte; the seam lies inside; and what the autoencoder loses is
added again where nothing was drawn. What differs between papers is what the concept says to the
prior, and what is believed of the mask.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from anogen.concept.concept import Concept
from anogen.concept.named_word import named_word
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.window import Window, window_around
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import blended_sampling, drawn_cells
from anogen.prior.world.defects import WORDS
from anogen.synthesis.canvas import FULL, check, unit_rgb
from anogen.synthesis.contract import Anomaly, Image, Support
from anogen.synthesis.mask_fill import MaskFill
from anogen.synthesis.mask_recovery import change_map, recover_mask
from anogen.synthesis.rendered import CONTEXT, SIDE, rendered
from anogen.synthesis.reweighting import Form, reweighting_of
from anogen.synthesis.settings import SynthesisSettings
from anogen.synthesis.surface import surface_under

Sketcher = Callable[
    [Image, NDArray[np.bool_], np.random.Generator], tuple[Image, NDArray[np.bool_]]
]
"""From a normal image and a region the image with a rough defect, the normal outside the region,
and the defect's outline ``(H, W)``."""


REDRAWN = 0.5
"""Latent cells around a sketched outline that are redrawn with it. The rest of a region stays as it
was: redrawn, it would cloud, and nothing is to be seen there."""


@dataclass(frozen=True)
class Job:
    """One defect to draw.

    Attributes:
        normal: the image to draw on.
        region: boolean ``(H, W)``, not empty.
        rng: the only source of this drawing's randomness.
        defect: its name, where a batch holds several (see :func:`draw_together`).
    """

    normal: Image
    region: NDArray[np.bool_]
    rng: np.random.Generator
    defect: str = ""


@dataclass(frozen=True)
class _Prepared:
    """A job cut to its window; float32 arrays are of the prior's image size S.

    ``part`` is of the image, and holds all that is worked with; ``window`` and ``base``, the normal
    or the sketch on it, are in its pixels. ``region`` is what is drawn of the asked one: with a
    sketch, what lies near its ``outline``; ``nearness`` ``(h, w)``, of the box, says how strongly
    that shows.
    """

    job: Job
    box: Box
    part: Box
    window: Window
    base: Image
    outline: NDArray[np.bool_] | None
    nearness: NDArray[np.float32] | None
    normal: NDArray[np.float32]
    region: NDArray[np.float32]
    sketch: NDArray[np.float32] | None
    noise: Tensor
    seed: int


class DiffusionSynthesizer(ABC):
    """Draws one concept with one prior, many regions at a time.

    Args:
        prior: the frozen prior.
        concept: a concept that was learned with it.
        settings: how to draw.
        supports: the support shots; needed for ``init: sketch``, and what the ``fast`` re-weighting
            measures changes against.
        surfaces: of each shot what lay under its defect, where that shows through, else None (see
            ``seen_through``); what sketches leave of the good image depends on them.

    Raises:
        InputError: if the concept belongs to another prior, or sketches lack supports.
    """

    name: str
    """As in the registry."""
    default_reweighting: Form = "none"

    def __init__(
        self,
        prior: LatentDiffusion,
        concept: Concept,
        *,
        settings: SynthesisSettings,
        supports: Sequence[Support] = (),
        surfaces: Sequence[Image | None] = (),
    ) -> None:
        concept.check(prior.fingerprint)
        if settings.init == "sketch" and not supports:
            raise InputError("init: sketch needs the support images; give them or use init: noise.")
        self.prior = prior
        self.concept = concept
        self.settings = settings
        self.reweighting = settings.reweighting or self.default_reweighting
        self._supports = tuple(supports)
        self._grey = bool(supports) and all(_achromatic(image) for image, _ in supports)
        self._sketch = None
        if settings.init == "sketch":
            self._sketch = self._sketcher(supports, surfaces or [None] * len(supports))
        self._kind = named_word(concept.defect, WORDS) if settings.rendered else None
        if concept.tokens.shape[1] != prior.token_dim:
            prior.context(concept.tokens[None])  # says what is wrong

    def __call__(
        self, normal: Image, region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> Anomaly:
        """Draw one defect; the region must be given.

        Raises:
            InputError: without a region, or as :func:`anogen.synthesis.canvas.check`.
        """
        if region is None:
            raise InputError(f"{self.name} draws where it is told to; give a region.")
        return self.draw([Job(normal, region, rng)])[0]

    def draw(self, jobs: Sequence[Job]) -> list[Anomaly]:
        """Draw all jobs in one batch; each is the same whatever else is in the batch, up to a
        grey level of rounding."""
        return draw_together([self] * len(jobs), jobs)

    def around(self, box: Box, height: int, width: int) -> Box:
        """The part of an image ``(height, width)`` that drawing in a box, and judging it, look at.

        It holds the window, and all that a sketch looks at: of the sketches ``rendered`` looks the
        farthest around its box. The gate looks less far. So the outcome is that of the whole
        image, byte for byte, without its time and memory.
        """
        near = box.grown(max(round(CONTEXT * max(box.width, box.height)), SIDE), height, width)
        window = self._window(box, height, width)
        return Box(
            min(near.x0, max(window.x, 0)),
            min(near.y0, max(window.y, 0)),
            max(near.x1, min(window.x + window.side, width)),
            max(near.y1, min(window.y + window.side, height)),
        )

    def _window(self, box: Box, height: int, width: int) -> Window:
        return window_around(
            box, height, width, size=self.prior.image_size, context=self.settings.context
        )

    def _strength(self, window: Window, outline: NDArray[np.bool_] | None) -> float:  # noqa: ARG002
        """How far the start of a drawing is noised, as in ``SamplerSettings``.

        Args:
            window: that is drawn.
            outline: of the sketched defect in its box, boolean ``(h, w)``; None without a sketch.
        """
        return self.settings.sampler().strength

    def _expected_change(self, normal: Tensor) -> Tensor:
        """What ``reweighting_of`` expects; without shots, how far normal cells are apart."""
        if not self._supports:
            return normal.var(dim=(2, 3), keepdim=True).mean(dim=1, keepdim=True)
        return self._change_of_shots

    @cached_property
    def _change_of_shots(self) -> Tensor:
        """Squared distance of the shots' latents to their surfaces', a mean over all defects."""
        size = self.prior.image_size
        shown, surfaces, regions = [], [], []
        for image, mask in self._supports:
            box = Box.around(mask)
            window = window_around(box, *mask.shape, size=size, context=self.settings.context)
            region = np.clip(window.cut(mask, size), 0, 1)
            shown.append(unit_rgb(image, window, size))
            surfaces.append(surface_under(shown[-1], region > 0))
            regions.append(torch.from_numpy(region)[None])
        distance = self.prior.encode(_tensor(shown)) - self.prior.encode(_tensor(surfaces))
        factor = size // self.prior.latent_size
        cells = drawn_cells(F.avg_pool2d(torch.stack(regions), factor))
        return distance.square().mean(dim=1, keepdim=True)[cells].mean()

    def _prepare(self, job: Job) -> _Prepared:
        check(job.normal, job.region)
        height, width = job.region.shape
        box = Box.around(job.region)
        size = self.prior.image_size
        part = self.around(box, height, width)
        normal, region, window = (
            job.normal[part.slices],
            job.region[part.slices],
            self._window(box, height, width).within(part),
        )
        base, outline, nearness = normal, None, None
        if self._sketch is not None:
            sketch = self._sketch
            if self._kind is not None and job.rng.random() < self.settings.rendered:
                sketch = partial(rendered, kind=self._kind)
            base, outline = sketch(normal, region, job.rng)
            outline = (outline & region)[box.within(part).slices]
            nearness = _nearness(outline, REDRAWN * window.side / self.prior.latent_size)
            region = region.copy()
            region[box.within(part).slices] &= nearness > 0
        seed = int(job.rng.integers(2**62))
        shape = (self.prior.latent_channels, self.prior.latent_size, self.prior.latent_size)
        return _Prepared(
            job=job,
            box=box,
            part=part,
            window=window,
            base=base,
            outline=outline,
            nearness=nearness,
            normal=unit_rgb(normal, window, size),
            region=np.clip(window.cut(region, size), 0, 1),
            sketch=None if self._sketch is None else unit_rgb(base, window, size),
            noise=torch.randn(shape, generator=torch.Generator().manual_seed(seed)),
            seed=seed + 1,
        )

    def _finish(
        self, prepared: _Prepared, drawn: NDArray[np.float32], decoded: NDArray[np.float32]
    ) -> Anomaly:
        """Paste the drawn box back and recover the mask.

        What the autoencoder loses of the base (the normal, or the sketch on it) is added again
        where the drawing kept to the base.
        """
        box, normal, window = prepared.box, prepared.job.normal, prepared.window
        here = box.within(prepared.part)
        inside = prepared.job.region[box.slices]
        opacity = _opacity(inside, self.settings.feather)
        white = FULL[normal.dtype]
        below = normal[box.slices].astype(np.float32) / white
        base = prepared.base[here.slices].astype(np.float32) / white
        new, old = window.box_of(drawn, here), window.box_of(decoded, here)
        kept = 1 - np.clip(window.box_of(change_map(drawn, decoded), here), 0, 1)
        weight, near = opacity, prepared.nearness
        if normal.ndim == 2:
            new, old = new.mean(axis=2), old.mean(axis=2)
        else:
            weight, kept = weight[..., None], kept[..., None]
            near = None if near is None else near[..., None]
            if self._grey and _achromatic(normal[box.slices]):
                # A prior that knows colours tints what has none.
                new, old, base = (one.mean(axis=2, keepdims=True) for one in (new, old, base))
        if self.settings.keep_detail:
            new = np.asarray(new + kept * (base - old), np.float32)
        if near is not None:
            new = np.asarray(base + near * (new - base), np.float32)
        result = np.clip(below + weight * (new - below), 0, 1)
        image = normal.copy()
        image[box.slices] = np.round(result * white).astype(normal.dtype)
        mask = np.zeros(normal.shape[:2], np.float32)
        recovered = recover_mask(result.astype(np.float32), below.astype(np.float32), opacity > 0)
        mask[box.slices] = self._mask(recovered, inside, prepared.outline)
        return Anomaly(image, box, prepared.job.region, mask, self.provenance())

    def provenance(self) -> dict[str, Any]:
        """What is needed, with the seed, to draw the same again."""
        return (
            {"synthesizer": self.name}
            | self.settings.model_dump(mode="json")
            | {"reweighting": self.reweighting}
        )

    def _sketcher(self, supports: Sequence[Support], surfaces: Sequence[Image | None]) -> Sketcher:
        """What draws the sketches: support defects that fill the region."""
        fill = MaskFill(supports, surfaces)
        return lambda normal, region, rng: (fill(normal, region, rng), region)

    @abstractmethod
    def _tokens(self, mask: Tensor) -> Tensor:
        """Tokens ``(B, k, token_dim)`` for the windows' masks ``(B, 1, S, S)`` in [0, 1]."""

    @abstractmethod
    def _mask(
        self,
        recovered: NDArray[np.float32],
        asked: NDArray[np.bool_],
        outline: NDArray[np.bool_] | None,
    ) -> NDArray[np.float32]:
        """The anomaly's mask ``(h, w)`` from what was recovered, what was asked for, and what was
        sketched."""


@torch.no_grad()
def draw_together(
    synthesizers: Sequence[DiffusionSynthesizer], jobs: Sequence[Job]
) -> list[Anomaly]:
    """Draw jobs of several concepts in one batch, see :meth:`DiffusionSynthesizer.draw`.

    Args:
        synthesizers: who draws each job, all with the same prior, settings and number of tokens.
        jobs: what to draw.

    Raises:
        ValueError: if they cannot share a batch.
    """
    if not jobs:
        return []
    first, rows = synthesizers[0], list(zip(synthesizers, jobs, strict=True))
    prior, settings = first.prior, first.settings
    if any(one.prior is not prior or one.settings != settings for one in synthesizers):
        raise ValueError("synthesizers of one batch must share their prior and settings")
    prepared = [one._prepare(job) for one, job in rows]
    alike: dict[float, list[int]] = {}
    for row, (one, p) in enumerate(zip(synthesizers, prepared, strict=True)):
        alike.setdefault(one._strength(p.window, p.outline), []).append(row)
    found: dict[int, Anomaly] = {}
    for strength, members in alike.items():
        drawn = _drawn([synthesizers[m] for m in members], [prepared[m] for m in members], strength)
        found |= zip(members, drawn, strict=True)
    return [found[row] for row in range(len(jobs))]


def _drawn(
    synthesizers: Sequence[DiffusionSynthesizer], prepared: Sequence[_Prepared], strength: float
) -> list[Anomaly]:
    """Draw windows whose starts are noised alike."""
    first = synthesizers[0]
    prior, settings = first.prior, first.settings
    images = _tensor([p.normal for p in prepared])
    normal = prior.encode(images)
    start = None
    if settings.init == "sketch":
        start = prior.encode(_tensor([p.sketch for p in prepared if p.sketch is not None]))
    elif settings.init == "normal":
        start = normal
    pixels = torch.from_numpy(np.stack([p.region for p in prepared]))[:, None]
    region = F.avg_pool2d(pixels, prior.image_size // prior.latent_size)
    surroundings = None
    if prior.inpainting:
        # Only a prior that restores surfaces itself was trained to see them under the region.
        seen = settings.surroundings == "normal" and "normal" in prior.words()
        surroundings = normal if seen else prior.surroundings_of(images, normal, pixels)
    tokens = torch.cat([one._tokens(pixels[row : row + 1]) for row, one in enumerate(synthesizers)])
    latents = blended_sampling(
        prior,
        normal=normal,
        region=region,
        context=prior.context(tokens),
        surroundings=surroundings,
        noise=torch.stack([p.noise for p in prepared]),
        settings=replace(settings.sampler(), strength=strength),
        start=start,
        step_noise=[torch.Generator().manual_seed(p.seed) for p in prepared],
        reweighting=reweighting_of(
            first.reweighting,
            prior,
            images=images,
            normal=normal,
            mask=pixels,
            cells=drawn_cells(region),
            tokens=tokens.shape[1],
            expected=lambda: torch.cat(
                [
                    one._expected_change(normal[row : row + 1]).view(1, 1, 1, 1)
                    for row, one in enumerate(synthesizers)
                ]
            ),
        ),
    )
    drawn = _arrays(prior.decode(latents))
    decoded = _arrays(prior.decode(normal if start is None else start))
    return [
        one._finish(p, drawn[row], decoded[row])
        for row, (one, p) in enumerate(zip(synthesizers, prepared, strict=True))
    ]


def _achromatic(image: Image) -> bool:
    """Whether an image has no colour."""
    return image.ndim == 2 or bool((image == image[..., :1]).all())


def _nearness(outline: NDArray[np.bool_], reach: float) -> NDArray[np.float32]:
    """Whether a sketch is redrawn, and how strongly that shows: 1 in its outline and up to half of
    ``reach`` pixels around it, 0 from ``reach`` on. An empty outline is everywhere near."""
    if not outline.any():
        return np.ones(outline.shape, np.float32)
    away = cv2.distanceTransform((~outline).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    nearness: NDArray[np.float32] = np.clip(2 - 2 * away / reach, 0, 1)
    return nearness


def _opacity(region: NDArray[np.bool_], feather: float) -> NDArray[np.float32]:
    """How strongly the drawing shows: 0 outside the region, 1 inside beyond the seam.

    The seam is ``feather`` times the thickness of each connected part, so that thin parts show
    as well as thick ones; the array's border is a border of the region.
    """
    padded = np.pad(region, 1).view(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    count, parts = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
    thickness = 2 * np.asarray(ndimage.maximum(distance, parts, np.arange(count)), np.float32)
    opacity: NDArray[np.float32] = np.clip(distance / (feather * thickness[parts] + 1), 0, 1)
    return opacity


def _tensor(images: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous() * 2 - 1


def _arrays(images: Tensor) -> NDArray[np.float32]:
    arrays: NDArray[np.float32] = ((images + 1) / 2).permute(0, 2, 3, 1).contiguous().numpy()
    return arrays
