"""Stage 2's gate at work: candidates are judged, the best is kept, rejected ones are drawn again.

An attempt at an image draws ``candidates`` of them in one place; the best of those that the gate
accepts is kept. If it accepts none, there is another attempt, up to the limit. Images of a batch
are settled in their order, whatever is drawn first, so that the outcome does not depend on how
the work is cut into batches.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from anogen.bank.manifest import Candidate
from anogen.data.images import read_image
from anogen.data.sample import Category
from anogen.detection.teacher import Teacher, make_teacher
from anogen.study.settings import RunSettings
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.copies import Imprint, imprint, nearest
from anogen.synthesis.croppaste import Support
from anogen.synthesis.gate import Limits, Verdict, calibrated, judge
from anogen.synthesis.likeness import crop_around, descriptor, least_likeness, likeness, views
from anogen.synthesis.miniatures import distance_to, miniature
from anogen.synthesis.several import parts

PROBES = 12
"""Good images from which the gate's limits are calibrated."""

NETWORK = "efficientnet-lite0"
"""What describes defects, to tell their types apart."""

COPY = "the defect is a copy of a shot's or an earlier image's"


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
        self._imprints: dict[str, list[Imprint]] = {}
        self._miniatures: dict[str, list[NDArray[np.float32]]] = {}
        self._network: Teacher | None = None
        self._described: dict[str, NDArray[np.float32]] | None = None

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
            limits = replace(limits, least_likeness=least_likeness(self._shots()))
            if self._settings.method == "anomalydiffusion":
                # Its regions are masks, which a defect shall fill: their rim is its own edge.
                limits = replace(limits, most_filled=1.0, most_seam=1.0)
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
        if defect not in self._miniatures:
            shots = [miniature(image) for image, _ in self._supports[defect]]
            self._miniatures[defect] = shots
        legal = self._legal(drawn.normal)
        distance = distance_to(drawn.anomaly.image, self._miniatures[defect])
        verdicts = [
            judge(
                drawn.normal,
                part,
                self.limits(defect),
                on_object=legal,
                distance=distance,
                likeness=self._likeness(defect, part),
            )
            for part in parts(drawn.anomaly)
        ]
        return max(verdicts, key=lambda verdict: (verdict.reason is not None, verdict.rank))

    def settle(
        self,
        defects: Sequence[str],
        draw: Callable[[Sequence[int], Sequence[int], int], Sequence[Drawn]],
        *,
        earlier: Mapping[str, Sequence[Imprint]],
    ) -> list[Settled]:
        """Draw and judge a batch of images until all are settled.

        Args:
            defects: of each image, its defect's name.
            draw: of the places of images in the batch, for each the number of its attempt, and
                the number of the candidate: those candidates.
            earlier: the accepted images of each defect that come before the batch. The shots
                come before all of them.
        """
        bank = self._settings.bank
        tried = [_Tried(bank.attempts) for _ in defects]
        while True:
            for defect in dict.fromkeys(defects):
                self._settle_in_order(
                    [one for one, name in zip(tried, defects, strict=True) if name == defect],
                    [*self._prints(defect), *earlier.get(defect, ())],
                    self.limits(defect).copy,
                )
            wanted = [place for place, one in enumerate(tried) if not one.decided]
            if not wanted:
                return [one.settled() for one in tried]
            attempts = [tried[place].attempts for place in wanted]
            for number in range(bank.candidates):
                for place, drawn in zip(wanted, draw(wanted, attempts, number), strict=True):
                    tried[place].add(drawn, self.verdict(defects[place], drawn))
            for place in wanted:
                tried[place].attempts += 1

    @staticmethod
    def _settle_in_order(
        tried: Sequence["_Tried"], earlier: Sequence[Imprint], limit: float
    ) -> None:
        """Settle images of one defect, as far as all before them are settled."""
        known, before_is_settled = list(earlier), True
        for one in tried:
            one.reject_copies(known, limit)
            if before_is_settled and one.decided:
                one.settle(known)
                known += [] if one.imprint is None else [one.imprint]
            else:
                before_is_settled = False

    def _prints(self, defect: str) -> list[Imprint]:
        """The imprints of a defect's shots."""
        if defect not in self._imprints:
            self._imprints[defect] = [imprint(*shot) for shot in self._supports[defect]]
        return self._imprints[defect]

    def _likeness(self, defect: str, anomaly: Anomaly) -> float | None:
        mask = anomaly.defective
        if len(self._supports) < 2 or not mask.any():
            return None
        return likeness(self._descriptor(anomaly.image, mask), self._shots(), defect)

    def _shots(self) -> dict[str, NDArray[np.float32]]:
        """Descriptors of the shots of every defect; none where there is only one."""
        if self._described is None:
            self._described = {}
            if len(self._supports) > 1:
                self._described = {
                    name: np.stack([self._descriptor(image, mask) for image, mask in shots])
                    for name, shots in self._supports.items()
                }
        return self._described

    def _descriptor(self, image: Image, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        # Each by itself, so that no batch's rounding enters.
        if self._network is None:
            self._network = make_teacher(NETWORK)
        return described(self._network, image, mask)


def described(network: Teacher, image: Image, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Descriptors of a defect ``(VIEWS, C)`` by the network's features at strides 8 and 16."""
    seen = views(*crop_around(image, mask))
    with torch.no_grad():
        pixels = torch.from_numpy(np.stack([crop for crop, _ in seen])).permute(0, 3, 1, 2)
        fine, coarse = (found.numpy() for found in network(network.normalise(pixels))[-2:])
    return np.stack(
        [
            descriptor(small, large, weight)
            for small, large, (_, weight) in zip(fine, coarse, seen, strict=True)
        ]
    )


@dataclass
class _One:
    """A candidate, what the gate says of it by itself, and its imprint where that is needed.

    ``drawn`` is None once it cannot be kept any more: frames of a large image fill the memory.
    """

    seed: int
    attempt: int
    drawn: Drawn | None
    verdict: Verdict
    imprint: Imprint | None


@dataclass
class _Tried:
    """The candidates of one image so far.

    Attributes:
        most: attempts at an image.
        attempts: how many have been made.
        candidates: in the order of drawing.
        kept: position of the candidate that is kept, once settled.
    """

    most: int
    attempts: int = 0
    candidates: list[_One] = field(default_factory=list)
    kept: int | None = None

    @property
    def decided(self) -> bool:
        """Whether nothing more is to be drawn, unless an earlier image makes this one a copy."""
        return self.attempts == self.most or any(
            one.verdict.reason is None for one in self.candidates
        )

    @property
    def imprint(self) -> Imprint | None:
        """That of the accepted image, None where none was accepted."""
        assert self.kept is not None
        kept = self.candidates[self.kept]
        return kept.imprint if kept.verdict.reason is None else None

    def add(self, drawn: Drawn, verdict: Verdict) -> None:
        """One more candidate."""
        mask = drawn.anomaly.defective
        print_ = imprint(drawn.anomaly.image, mask) if mask.any() else None
        for one in self.candidates:
            # Of the rejected the last is kept, and a rejected one stays so.
            if one.verdict.reason is not None:
                one.drawn = None
        self.candidates.append(_One(drawn.seed, drawn.attempt, drawn, verdict, print_))

    def reject_copies(self, known: Sequence[Imprint], limit: float) -> None:
        """Reject accepted candidates that are copies; once a copy, always a copy."""
        if self.kept is not None:
            return
        for one in self.candidates:
            if one.verdict.reason is not None or one.imprint is None:
                continue
            if nearest(one.imprint, known) < limit:
                one.verdict = replace(one.verdict, reason=COPY)

    def settle(self, known: Sequence[Imprint]) -> None:
        """Keep the best accepted candidate, or the last where none was; all earlier are known."""
        if self.kept is not None:
            return
        for one in self.candidates:
            if one.imprint is not None:
                # Only now, as what is recorded must not depend on what was known when.
                new = round(nearest(one.imprint, known), 5)
                scores = one.verdict.scores | {"new": new}
                one.verdict = replace(one.verdict, scores=scores)
        accepted = [
            position for position, one in enumerate(self.candidates) if one.verdict.reason is None
        ]
        self.kept = min(
            accepted,
            key=lambda position: self.candidates[position].verdict.rank,
            default=len(self.candidates) - 1,
        )

    def settled(self) -> Settled:
        """The kept candidate and the record of all."""
        assert self.kept is not None
        kept = self.candidates[self.kept]
        assert kept.drawn is not None
        candidates = tuple(
            Candidate(
                attempt=one.attempt,
                seed=one.seed,
                gate=one.verdict.scores,
                reason=one.verdict.reason,
                kept=position == self.kept,
            )
            for position, one in enumerate(self.candidates)
        )
        return Settled(kept.drawn, kept.verdict, candidates)
