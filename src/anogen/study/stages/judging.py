"""Stage 2's gate at work: candidates are judged, the best is kept, rejected ones are drawn again.

An attempt at an image draws ``candidates`` of them in one place; the best of those that the gate
accepts is kept. If it accepts none, there is another attempt, up to the limit. Images of a batch
are settled in their order, whatever is drawn first, so that the outcome does not depend on how
the work is cut into batches.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from anogen.bank.manifest import Candidate
from anogen.data.images import read_image
from anogen.data.sample import Category
from anogen.study.settings import RunSettings
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.croppaste import Support
from anogen.synthesis.gate import Limits, Verdict, calibrated, judge
from anogen.synthesis.several import parts

PROBES = 12
"""Good images from which the gate's limits are calibrated."""


@dataclass(frozen=True)
class Drawn:
    """A candidate before it is judged.

    Attributes:
        normal: the image it was drawn on.
        anomaly: what was drawn.
        seed: of its random generator.
        attempt: which attempt at the image it belongs to.
    """

    normal: Image
    anomaly: Anomaly
    seed: int
    attempt: int


@dataclass(frozen=True)
class Settled:
    """The candidate that is kept for an image, and the record of all.

    Attributes:
        kept: what goes into the bank.
        verdict: the gate's on it.
        candidates: every candidate in the order of drawing.
    """

    kept: Drawn
    verdict: Verdict
    candidates: tuple[Candidate, ...]


class Judging:
    """The gate of one category.

    Args:
        settings: of the run.
        category: its normals calibrate the limits.
        supports: the support images of every defect.
        legal: the pixels of an image where a defect may lie, boolean ``(H, W)``.
    """

    def __init__(
        self,
        settings: RunSettings,
        category: Category,
        supports: Mapping[str, Sequence[Support]],
        *,
        legal: Callable[[Image], NDArray[np.bool_]],
    ) -> None:
        self._settings = settings
        self._category = category
        self._supports = supports
        self._legal = legal
        self._limits: dict[str, Limits] = {}

    def limits(self, defect: str) -> Limits:
        """The gate's limits for a defect: calibrated, but for those that the settings name."""
        if defect not in self._limits:
            supports = self._supports[defect]
            train = self._category.train
            probes = train[:: max(1, len(train) // PROBES)][:PROBES]
            normals = [read_image(sample.image, name=sample.key) for sample in probes]
            # The median image and the legal region know images of one size only.
            alike = all(image.shape == normals[0].shape for image, _ in supports)
            limits = calibrated(
                supports,
                normals,
                margin=self._settings.placement.margin,
                objects=[self._legal(image) for image, _ in supports] if alike else (),
            )
            if self._settings.method == "anomalydiffusion":
                # Its regions are masks, which a defect shall fill.
                limits = replace(limits, most_filled=1.0)
            bank = self._settings.bank
            given = {
                limit.name: getattr(bank, limit.name)
                for limit in fields(Limits)
                if limit.name in type(bank).model_fields
            }
            self._limits[defect] = replace(
                limits, **{name: value for name, value in given.items() if value is not None}
            )
        return self._limits[defect]

    def verdict(self, defect: str, drawn: Drawn) -> Verdict:
        """What the gate says of one candidate by itself; of several defects, of the worst."""
        verdicts = [
            judge(
                drawn.normal,
                part,
                self.limits(defect),
                on_object=self._legal(drawn.normal),
                shots=[image for image, _ in self._supports[defect]],
            )
            for part in parts(drawn.anomaly)
        ]
        return max(verdicts, key=lambda verdict: (verdict.reason is not None, verdict.rank))

    def settle(
        self, defect: str, count: int, draw: Callable[[Sequence[int], int, int], Sequence[Drawn]]
    ) -> list[Settled]:
        """Draw and judge a batch of images of one defect until all are settled.

        Args:
            defect: its name.
            count: how many images.
            draw: of the places of images in the batch, the number of the attempt and that of the
                candidate: those candidates.
        """
        tried = [_Tried() for _ in range(count)]
        bank = self._settings.bank
        for attempt in range(bank.attempts):
            wanted = [place for place in range(count) if tried[place].best is None]
            if not wanted:
                break
            for number in range(bank.candidates):
                for place, drawn in zip(wanted, draw(wanted, attempt, number), strict=True):
                    tried[place].drawn.append((drawn, self.verdict(defect, drawn)))
            for place in wanted:
                tried[place].choose(attempt)
        return [one.settled() for one in tried]


@dataclass
class _Tried:
    """The candidates of one image so far, and the best that was accepted."""

    drawn: list[tuple[Drawn, Verdict]] = field(default_factory=list)
    best: int | None = None

    def choose(self, attempt: int) -> None:
        """Keep the best accepted candidate of an attempt, if there is one."""
        accepted = [
            position
            for position, (drawn, verdict) in enumerate(self.drawn)
            if drawn.attempt == attempt and verdict.reason is None
        ]
        self.best = min(accepted, key=lambda position: self.drawn[position][1].rank, default=None)

    def settled(self) -> Settled:
        """The best, or the last of all where none was accepted."""
        position = len(self.drawn) - 1 if self.best is None else self.best
        kept, verdict = self.drawn[position]
        candidates = tuple(
            Candidate(
                attempt=drawn.attempt,
                seed=drawn.seed,
                gate=verdict.scores,
                reason=verdict.reason,
                kept=number == position,
            )
            for number, (drawn, verdict) in enumerate(self.drawn)
        )
        return Settled(kept, verdict, candidates)
