"""How long trainings would take on this machine, reckoned from one step of each detector."""

import time
from collections.abc import Sequence

import torch

from anogen.detection.contract import Batch, detectors
from anogen.detection.settings import DeSTSegSettings, DetectorSettings
from anogen.study.stages.trainings import Training, processes
from anogen.study.threads import threads

MOST, SIDE = 2, 128
"""Images in the step that is timed, and their side: what a step takes grows with its pixels."""


def seconds_of_trainings(trainings: Sequence[Training], *, workers: int | None = None) -> float:
    """Seconds of trainings that are done side by side as ``do_trainings`` does them.

    Not in it: making procedural anomalies, and what the detectors then say of the test set.
    """
    total, steps = 0.0, dict[str, float]()
    for training in trainings:
        settings = training.run.settings.detectors[training.detector]
        settings = settings.resolved(len(training.category.train))
        assert settings.steps is not None
        if training.detector not in steps:
            with threads(training.threads):
                steps[training.detector] = seconds_of_step(settings)
        total += settings.steps * steps[training.detector]
    return total / max(1, min(len(trainings), processes(trainings, workers)))


def seconds_of_step(settings: DetectorSettings) -> float:
    """Seconds of one optimiser step of a detector, reckoned from a smaller one."""
    count, side = min(MOST, settings.batch_size), min(SIDE, settings.image_size)
    update: dict[str, object] = {"steps": 2, "image_size": side}
    if isinstance(settings, DeSTSegSettings):
        update["teacher"] = "random"  # nothing is fetched to reckon a time
    detector = detectors[settings.name](settings.model_copy(update=update))
    batch = Batch(
        image=torch.zeros(count, 3, side, side, dtype=torch.uint8),
        normal=torch.zeros(count, 3, side, side, dtype=torch.uint8),
        mask=torch.zeros(count, 1, side, side),
        weak=torch.zeros(count, dtype=torch.bool),
    )
    detector.step(batch)  # what only the first does is no measure of the others
    started = time.monotonic()
    detector.step(batch)
    share = count * side**2 / (settings.batch_size * settings.image_size**2)
    return (time.monotonic() - started) / share
