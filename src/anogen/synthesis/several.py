"""Several defects on one image, drawn one after the other, each on what is there already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.diffusion import Job


@dataclass(frozen=True)
class Work:
    """One image to draw on.

    Attributes:
        normal: the image.
        regions: boolean ``(H, W)`` each, not empty, their boxes apart: a defect in each.
        rng: the only source of this image's randomness.
        defect: its name, passed on to the jobs.
    """

    normal: Image
    regions: Sequence[NDArray[np.bool_]]
    rng: np.random.Generator
    defect: str = ""


def draw_several(
    draw: Callable[[Sequence[Job]], Sequence[Anomaly]], works: Sequence[Work]
) -> list[Anomaly]:
    """Draw all regions of all images; the first regions share a batch, then the second ones.

    Each drawing is pasted into its own box only, so the pixels outside all boxes are the normal
    image's, byte for byte.

    Args:
        draw: draws one defect for each job, such as ``AnoGenSynthesizer.draw``.
        works: what to draw.

    Returns:
        An anomaly for each image, with ``boxes`` where it has several defects.
    """
    drawn: list[list[Anomaly]] = [[] for _ in works]
    for turn in range(max((len(work.regions) for work in works), default=0)):
        rows = [row for row, work in enumerate(works) if turn < len(work.regions)]
        jobs = [
            Job(
                drawn[row][-1].image if drawn[row] else works[row].normal,
                works[row].regions[turn],
                works[row].rng,
                works[row].defect,
            )
            for row in rows
        ]
        for row, anomaly in zip(rows, draw(jobs), strict=True):
            drawn[row].append(anomaly)
    return [_joined(anomalies) for anomalies in drawn]


def parts(anomaly: Anomaly) -> list[Anomaly]:
    """Each defect of an image by itself, on the image with all of them."""
    if not anomaly.boxes:
        return [anomaly]
    found = []
    for box in anomaly.boxes:
        region = np.zeros(anomaly.region.shape, dtype=bool)
        mask = np.zeros(anomaly.mask.shape, dtype=np.float32)
        region[box.slices] = anomaly.region[box.slices]
        mask[box.slices] = anomaly.mask[box.slices]
        found.append(replace(anomaly, box=box, region=region, mask=mask, boxes=()))
    return found


def _joined(anomalies: Sequence[Anomaly]) -> Anomaly:
    """The last image, with the regions and masks of all."""
    if len(anomalies) == 1:
        return anomalies[0]
    region = np.logical_or.reduce([anomaly.region for anomaly in anomalies])
    mask: NDArray[np.float32] = np.maximum.reduce([anomaly.mask for anomaly in anomalies])
    return replace(
        anomalies[-1],
        box=Box.around(region),
        region=region,
        mask=mask,
        boxes=tuple(anomaly.box for anomaly in anomalies),
    )
