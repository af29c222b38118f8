"""The generation metrics of a run: how good and how diverse the images of its banks are.

AnomalyDiffusion's Table 1 (Hu et al., AAAI 2024): Inception Score of the generated images of each
defect, and IC-LPIPS around the shots that they were learned from; the row of a category is the mean
over its defects. Beside them KID against the held-out real images of the defect, which the paper
does not print because few real images make it unreliable, and the mean perceptual distance of two
generated images.

Departure: the paper takes 1,000 images of a defect, here it is ``evaluation.generation_images``.
"""

from statistics import mean

import numpy as np

from anogen.bank.bank import Bank
from anogen.data.loading import load_rgb
from anogen.data.sample import Category, SupportSet
from anogen.data.support import evaluation_samples
from anogen.detection.features import features_of
from anogen.detection.recognition import Recogniser, make_recogniser
from anogen.metrics.ic_lpips import CAP, ic_lpips, mean_distance
from anogen.metrics.inception_score import inception_score
from anogen.metrics.kid import kid
from anogen.seeds import rng_of
from anogen.study.results import Generation
from anogen.study.run_folder import RunFolder
from anogen.study.stages.classification import bank_images
from anogen.study.stages.material import Pairs

SIZE = 256
"""Side of the images in pixels, as in the paper's code."""

_KID_SUBSETS = 20


def measure_generation(run: RunFolder, pairs: Pairs) -> tuple[Generation, ...]:
    """The metrics of each defect with accepted images, and their mean over each category.

    Raises:
        InputError: if the weights of the feature network cannot be had.
    """
    network = make_recogniser(run.settings.evaluation.generation_network)
    found: list[Generation] = []
    for category, support in pairs:
        rows = [
            row
            for defect in sorted(support.shots)
            if (row := _measured(run, network, category, support, defect)) is not None
        ]
        if rows:
            found += [_mean(rows), *rows]
    return tuple(found)


def _measured(
    run: RunFolder, network: Recogniser, category: Category, support: SupportSet, defect: str
) -> Generation | None:
    bank = Bank(run.bank(category.name))
    entries = list(bank.accepted(defect))
    if not entries:
        return None
    rng = rng_of(run.settings.seed, "generation", category.name, defect)
    most = run.settings.evaluation.generation_images
    if most is not None and len(entries) > most:
        drawn = np.sort(rng.choice(len(entries), most, replace=False))
        entries = [entries[row] for row in drawn]
    held_out = [
        sample for sample in evaluation_samples(category, support) if sample.label == defect
    ]
    generated = features_of(bank_images(bank, entries, SIZE), network)
    shots = features_of(load_rgb(support.shots[defect], SIZE), network)
    clusters = ic_lpips(generated.perceptual, shots.perceptual, rng=rng)
    distance = kernel_distance = None
    if len(entries) > 1:
        some = rng.permutation(len(entries))[:CAP]
        distance = mean_distance(generated.perceptual[some])
        if len(held_out) > 1:
            real = features_of(load_rgb(held_out, SIZE), network)
            kernel_distance = kid(generated.pooled, real.pooled, subsets=_KID_SUBSETS, rng=rng).mean
    return Generation(
        category=category.name,
        defect=defect,
        network=network.title,
        images=len(entries),
        shots=len(support.shots[defect]),
        held_out=len(held_out),
        inception_score=inception_score(generated.probabilities).mean,
        ic_lpips=clusters.mean,
        clusters=clusters.counted,
        lpips=distance,
        kid=kernel_distance,
    )


def _mean(rows: list[Generation]) -> Generation:
    """The row of a category: metrics are means over the defects that have them, counts sums."""

    def mean_of(name: str) -> float | None:
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        return mean(known) if known else None

    def sum_of(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    return Generation(
        category=rows[0].category,
        defect=None,
        network=rows[0].network,
        images=sum_of("images"),
        shots=sum_of("shots"),
        held_out=sum_of("held_out"),
        inception_score=mean(row.inception_score for row in rows),
        ic_lpips=mean_of("ic_lpips"),
        clusters=sum_of("clusters"),
        lpips=mean_of("lpips"),
        kid=mean_of("kid"),
    )
