"""What a run would do: how many images, for how long, on how much disk; nothing is written.

Images are counted from names alone. Disk is reckoned from one good image of each category, and time
from one call of each network on this machine, times the calls that learning and drawing take, and
from one step of each detector.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from anogen.bank.bank import Bank
from anogen.data.images import png_bytes, read_image
from anogen.data.sample import Category
from anogen.detection.saved import MODEL
from anogen.prior.contract import LatentDiffusion
from anogen.prior.hub import is_hub_id
from anogen.prior.loading import is_here
from anogen.study.run_folder import RunFolder
from anogen.study.settings import RunSettings
from anogen.study.stages.material import Pairs, prior_of
from anogen.study.stages.planned import plan
from anogen.study.stages.trainings import detectors_of
from anogen.study.training_time import seconds_of_trainings

LINE = 2000
"""Bytes of a line of the manifest; measured on runs of the preset quick."""

_BACKWARD = 3
"""Calls of the denoiser that a step with gradients costs."""

MOST = 8
"""Windows in the batch that is timed: enough for the rate of larger ones, quick on a processor."""


@dataclass(frozen=True)
class DryRun:
    """The extent of what a run has left to do.

    Attributes:
        counts: of each category: images planned, and how many of them are there already.
        bytes: of the images that are missing, on disk.
        seconds: of drawing them, each once; None where the prior is not on this machine.
        again: most times that the gate may have an image drawn.
        concepts: concepts to learn.
        masks: masks to sample, where they are learned; with them, the embeddings of them to learn
            are as many as the concepts.
        learning: seconds of learning both; None where the prior is not on this machine.
        trainings: trainings of detectors.
        training: seconds of them, side by side.
    """

    counts: dict[str, tuple[int, int]]
    bytes: int
    seconds: float | None
    again: int
    concepts: int
    masks: int
    learning: float | None
    trainings: int
    training: float

    def lines(self) -> list[str]:
        """What a user reads."""
        missing = sum(planned - drawn for planned, drawn in self.counts.values())
        found = [
            f"{category}: {planned} images, {drawn} of them drawn already"
            for category, (planned, drawn) in self.counts.items()
        ]
        found.append(f"to draw: {missing} images, about {self.bytes / 1e6:,.1f} MB on disk")
        learned = f"{self.concepts} concepts"
        if self.masks:
            learned += f" and {self.concepts} mask embeddings"
        if self.seconds is None or self.learning is None:
            found.append(
                f"time to learn {learned} and to draw: not known, the prior is not on this machine "
                "yet"
            )
        else:
            found += [
                f"time to learn {learned}: about {_spoken(self.learning)}",
                f"time to draw each once: about {_spoken(self.seconds)} (the gate may want up to "
                f"{self.again} drawings)",
            ]
        if self.masks:
            found.append(f"masks to sample before: {self.masks} (in the time above)")
        return [
            *found,
            f"time to train {self.trainings} detectors: about {_spoken(self.training)}",
            "times are reckoned from one call of each network on this machine as busy as it is now",
        ]


def dry_run(run: RunFolder, pairs: Pairs, *, workers: int | None = None) -> DryRun:
    """The extent of a run that is there or not; reads one image of each category."""
    settings = run.settings
    counts, size, missing, masks, concepts = {}, 0, 0, 0, list[int]()
    for category, support in pairs:
        bank = Bank(run.bank(category.name))
        planned = plan(category, sorted(support.shots), settings.bank, seed=settings.seed)
        drawn = sum(bank.has(item.id) for item in planned)
        counts[category.name] = (len(planned), drawn)
        missing += len(planned) - drawn
        size += (len(planned) - drawn) * _bytes_of_one(category)
        paths = [run.concept(category.name, defect) for defect in support.shots]
        concepts.append(sum(not path.exists() for path in paths))
        if settings.learns_masks and drawn < len(planned):
            paths = [run.masks(category.name, defect) for defect in support.shots]
            masks += settings.masks.count * sum(not path.exists() for path in paths)
    left = [one for one in detectors_of(run, pairs) if not (one.folder / MODEL).exists()]
    drawings = settings.bank.attempts * settings.bank.candidates
    # A name that is no hub id and is not here is refused as a run would refuse it.
    known = is_here(settings.prior) or not is_hub_id(settings.prior)
    calls = _calls(settings) if known and (missing or any(concepts)) else _Calls()
    drawing = missing * settings.placement.defects * settings.bank.candidates
    return DryRun(
        counts=counts,
        bytes=size,
        seconds=drawing * calls.drawing(settings) + masks * calls.mask(settings) if known else None,
        again=drawings,
        concepts=sum(concepts),
        masks=masks,
        learning=sum(calls.learning(settings, count) for count in concepts) if known else None,
        trainings=len(left),
        training=seconds_of_trainings(left, workers=workers),
    )


def _bytes_of_one(category: Category) -> int:
    """Bytes of one image of the bank, its mask and its line."""
    image = read_image(category.train[0].image, name=category.train[0].key)
    mask = np.zeros(image.shape[:2], np.uint8)
    return len(png_bytes(image)) + len(png_bytes(mask)) + LINE


@dataclass(frozen=True)
class _Calls:
    """Seconds of a window in one call of each network, in a batch."""

    encoding: float = 0.0
    decoding: float = 0.0
    calling: float = 0.0

    def drawing(self, settings: RunSettings) -> float:
        """Of one drawing: both ends of the autoencoder, and every step between."""
        synthesis = settings.synthesis
        strength = 1.0 if synthesis.init == "noise" else synthesis.strength
        steps = math.ceil(synthesis.steps * strength)
        guided = synthesis.guidance_share if synthesis.guidance != 1 else 0.0
        # The normal and what drawing starts from are encoded; the drawing and its start decoded.
        return 2 * self.encoding + 2 * self.decoding + steps * (1 + guided) * self.calling

    def mask(self, settings: RunSettings) -> float:
        """Of one sampled mask, which starts from noise."""
        guided = 2 if settings.masks.guidance != 1 else 1
        return self.decoding + settings.masks.sampling_steps * guided * self.calling

    def learning(self, settings: RunSettings, concepts: int) -> float:
        """Of learning a category's concepts and, where they are learned, masks, in all steps."""
        concept, masks = settings.concept, settings.masks
        batches = min(concepts, 1) if concept.batch_of == "category" else concepts
        windows = batches * concept.steps * concept.batch_size
        if settings.learns_masks:
            windows += concepts * masks.steps * masks.batch_size
        return windows * _BACKWARD * self.calling


def _calls(settings: RunSettings) -> _Calls:
    """What the networks of a run's prior take on this machine."""
    prior = prior_of(settings)
    batch = min(settings.synthesis.batch_size, MOST)
    side = prior.image_size
    with torch.no_grad():
        images = torch.zeros(batch, 3, side, side)
        prior.encode(images[:1])  # what only the first call does is no measure of the others
        encoding, latents = _timed(lambda: prior.encode(images))
        decoding, _ = _timed(lambda: prior.decode(latents))
        calling, _ = _timed(lambda: _call(prior, latents))
    return _Calls(encoding / batch, decoding / batch, calling / batch)


def _call(prior: LatentDiffusion, latents: torch.Tensor) -> torch.Tensor:
    """One call of the denoiser."""
    batch = len(latents)
    inputs = (
        {"surroundings": latents, "region": torch.ones_like(latents[:, :1])}
        if prior.inpainting
        else {}
    )
    timestep = torch.full((batch,), 1, dtype=torch.int64)
    return prior.predict_noise(latents, timestep, prior.empty_context(batch), **inputs)


def _timed(work: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    started = time.monotonic()
    result = work()
    return time.monotonic() - started, result


def _spoken(seconds: float) -> str:
    """Seconds, minutes or hours, whichever says it in few digits."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    if seconds < 6000:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
