"""What a run would draw: how many images, for how long, on how much disk; nothing is written.

Images are counted from names alone. Disk is reckoned from one good image of each category, and time
from one call of each network on this machine, times the calls that an image takes.
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
from anogen.prior.contract import LatentDiffusion
from anogen.prior.hub import is_hub_id
from anogen.prior.loading import is_here
from anogen.study.run_folder import RunFolder
from anogen.study.settings import RunSettings
from anogen.study.stages.material import Pairs, prior_of
from anogen.study.stages.planned import plan

LINE = 2000
"""Bytes of a line of the manifest; measured on runs of the preset quick."""

MOST = 8
"""Windows in the batch that is timed: enough for the rate of larger ones, quick on a processor."""


@dataclass(frozen=True)
class DryRun:
    """The extent of a run's drawing.

    Attributes:
        counts: of each category: images planned, and how many of them are there already.
        bytes: of the images that are missing, on disk.
        seconds: of drawing them, each once; None where the prior is not on this machine.
        again: most times that the gate may have an image drawn.
        concepts: concepts to learn.
        masks: masks to sample, where they are learned; with them, the embeddings of them to learn
            are as many as the concepts.
        trainings: trainings of detectors.
    """

    counts: dict[str, tuple[int, int]]
    bytes: int
    seconds: float | None
    again: int
    concepts: int
    masks: int
    trainings: int

    def lines(self) -> list[str]:
        """What a user reads."""
        missing = sum(planned - drawn for planned, drawn in self.counts.values())
        found = [
            f"{category}: {planned} images, {drawn} of them drawn already"
            for category, (planned, drawn) in self.counts.items()
        ]
        found.append(f"to draw: {missing} images, about {self.bytes / 1e6:,.1f} MB on disk")
        if self.seconds is None:
            found.append("time: not known, the prior is not on this machine yet")
        else:
            found.append(
                f"time to draw each once: about {_spoken(self.seconds)} (reckoned from one call of "
                f"each network on this machine; the gate may want up to {self.again} drawings)"
            )
        learned = f"{self.concepts} concepts"
        if self.masks:
            found.append(f"masks to sample before: {self.masks} (in the time above)")
            learned += f", {self.concepts} mask embeddings"
        found.append(
            f"not reckoned: the time of learning {learned} and of {self.trainings} trainings"
        )
        return found


def dry_run(run: RunFolder, pairs: Pairs) -> DryRun:
    """The extent of a run that is there or not; reads one image of each category."""
    settings = run.settings
    counts, size, missing, masks = {}, 0, 0, 0
    for category, support in pairs:
        bank = Bank(run.bank(category.name))
        planned = plan(category, sorted(support.shots), settings.bank, seed=settings.seed)
        drawn = sum(bank.has(item.id) for item in planned)
        counts[category.name] = (len(planned), drawn)
        missing += len(planned) - drawn
        size += (len(planned) - drawn) * _bytes_of_one(category)
        if settings.learns_masks and drawn < len(planned):
            paths = [run.masks(category.name, defect) for defect in support.shots]
            masks += settings.masks.count * sum(not path.exists() for path in paths)
    training = settings.training
    seconds = 0.0
    # A name that is no hub id and is not here is refused as a run would refuse it.
    known = is_here(settings.prior) or not is_hub_id(settings.prior)
    if known and missing:
        one, mask = _seconds_of_one(settings)
        seconds = missing * settings.placement.defects * one * settings.bank.candidates
        seconds += masks * mask
    drawings = settings.bank.attempts * settings.bank.candidates
    return DryRun(
        counts=counts,
        bytes=size,
        seconds=seconds if known else None,
        again=drawings,
        concepts=sum(len(support.shots) for _, support in pairs),
        masks=masks,
        trainings=len(pairs) * len(training.detectors) * len(training.arms) * training.seeds,
    )


def _bytes_of_one(category: Category) -> int:
    """Bytes of one image of the bank, its mask and its line."""
    image = read_image(category.train[0].image, name=category.train[0].key)
    mask = np.zeros(image.shape[:2], np.uint8)
    return len(png_bytes(image)) + len(png_bytes(mask)) + LINE


def _seconds_of_one(settings: RunSettings) -> tuple[float, float]:
    """Seconds of one drawing in a batch: both ends of the autoencoder, and every step between; and
    those of one sampled mask, which starts from noise."""
    prior = prior_of(settings)
    synthesis = settings.synthesis
    batch = min(synthesis.batch_size, MOST)
    side = prior.image_size
    with torch.no_grad():
        images = torch.zeros(batch, 3, side, side)
        prior.encode(images[:1])  # what only the first call does is no measure of the others
        encoding, latents = _timed(lambda: prior.encode(images))
        decoding, _ = _timed(lambda: prior.decode(latents))
        calling, _ = _timed(lambda: _call(prior, latents))
    strength = 1.0 if synthesis.init == "noise" else synthesis.strength
    steps = math.ceil(synthesis.steps * strength)
    guided = synthesis.guidance_share if synthesis.guidance != 1 else 0.0
    # The normal and what drawing starts from are encoded; the drawing and its start are decoded.
    drawing = 2 * encoding + 2 * decoding + steps * (1 + guided) * calling
    masks = settings.masks
    sampling = decoding + masks.sampling_steps * (2 if masks.guidance != 1 else 1) * calling
    return drawing / batch, sampling / batch


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
