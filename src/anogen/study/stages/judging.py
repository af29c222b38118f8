"""Stage 2's gate at work: candidates are judged, the best is kept, rejected ones are drawn again.

An attempt at an image draws ``candidates`` of them in one place; the best of those that the gate
accepts is kept. If it accepts none, there is another attempt, up to the limit. Images of a batch
are settled in their order, whatever is drawn first, so that the outcome does not depend on how
the work is cut into batches.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from anogen.bank.manifest import Candidate
from anogen.data.images import read_image
from anogen.data.sample import Category
from anogen.detection.teacher import Teacher, make_teacher
from anogen.placement.box import Box
from anogen.seeds import rng_of, seed_of
from anogen.study.settings import RunSettings
from anogen.study.stages.goods import Good
from anogen.synthesis.contract import Anomaly, Image, Support
from anogen.synthesis.copies import Imprint, distance_to_shots, imprint, nearest
from anogen.synthesis.gate import Limits, Verdict, calibrated, judge
from anogen.synthesis.likeness import (
    LEAST_LIKENESS,
    Types,
    crop_around,
    descriptor,
    strangers,
    trials,
    views,
)
from anogen.synthesis.miniatures import miniature, nearest_of
from anogen.synthesis.several import parts

PROBES = 12
"""Good images from which the gate's limits are calibrated, and that shots are pasted onto."""

NETWORK = "efficientnet-lite0"
"""What describes defects, to tell their types apart."""

NO_TYPE = ""
"""Beside the names of types: anomalies of none."""

COPY = "the defect is a copy of a shot's or an earlier image's"


@dataclass(frozen=True)
class Drawn:
    """A candidate before it is judged.

    Attributes:
        good: the image it was drawn on.
        part: what of it was looked at; the rest stays as it is.
        anomaly: what was drawn on that part, in its pixels.
        seed: of its random generator.
        attempt: which attempt at the image it belongs to.
    """

    good: Good
    part: Box
    anomaly: Anomaly
    seed: int
    attempt: int

    def whole(self) -> Anomaly:
        """The drawing on the whole good image."""
        good, part, drawn = self.good, self.part, self.anomaly
        image = good.image.copy()
        image[part.slices] = drawn.image
        region = np.zeros(image.shape[:2], dtype=bool)
        region[part.slices] = drawn.region
        mask = np.zeros(image.shape[:2], dtype=np.float32)
        mask[part.slices] = drawn.mask
        boxes = tuple(box.outside(part) for box in drawn.boxes)
        return Anomaly(image, drawn.box.outside(part), region, mask, drawn.provenance, boxes)


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
        objects: the pixels of an image where a defect may lie, boolean ``(H, W)``; takes the key
            of a good image, too.
    """

    def __init__(
        self,
        settings: RunSettings,
        category: Category,
        supports: Mapping[str, Sequence[Support]],
        *,
        objects: Callable[[Image, str | None], NDArray[np.bool_]],
    ) -> None:
        self._settings = settings
        self._category = category
        self._supports = supports
        self._objects = objects
        self._limits: dict[str, Limits] = {}
        self._miniatures: dict[str, list[NDArray[np.float32]]] = {}
        self._types: tuple[Teacher, Types] | None = None

    def limits(self, defect: str) -> Limits:
        """The gate's limits for a defect: calibrated, but for those that the settings name."""
        if defect not in self._limits:
            supports = self._supports[defect]
            self._miniatures[defect] = [miniature(image) for image, _ in supports]
            normals = [image for image, _ in self._probes]
            # The median image knows images of one size only.
            told = self._settings.placement.foreground != "median" or all(
                image.shape[:2] == normals[0].shape[:2] for image, _ in supports
            )
            limits = calibrated(
                supports,
                normals,
                margin=self._settings.placement.margin,
                objects=[self._objects(image, None) for image, _ in supports] if told else (),
            )
            limits = replace(limits, least_likeness=LEAST_LIKENESS)
            if self._settings.method == "anomalydiffusion":
                # Its regions are masks, which a defect shall fill: their rim is its own edge.
                limits = replace(limits, most_filled=1.0, most_seam=1.0)
            bank = self._settings.bank
            given = {
                limit.name: getattr(bank, limit.name)
                for limit in fields(Limits)
                if limit.name in type(bank).model_fields
            }
            if bank.smallest_area is not None:
                limits = replace(limits, smallest_share=0.0)
            self._limits[defect] = replace(
                limits, **{name: value for name, value in given.items() if value is not None}
            )
        return self._limits[defect]

    def types(self) -> tuple[Teacher, Types]:
        """What describes defects, and what tells their types apart, learned once."""
        if self._types is None:
            network = make_teacher(NETWORK)
            types = types_of(
                network,
                self._supports,
                [image for image, _ in self._probes],
                [self._objects(*probe) for probe in self._probes],
                margin=self._settings.placement.margin,
                seed=seed_of(self._settings.seed, self._category.name, "likeness"),
            )
            self._types = network, types
        return self._types

    def verdict(self, defect: str, drawn: Drawn) -> Verdict:
        """What the gate says of one candidate by itself; of several defects, of the worst."""
        limits = self.limits(defect)
        good, part = drawn.good, drawn.part
        normal, object_ = good.image[part.slices], good.object[part.slices]
        small = good.overview.miniature(part, drawn.anomaly.image)
        distance = nearest_of(small, self._miniatures[defect])
        verdicts = [
            judge(
                normal,
                one,
                limits,
                on_object=object_,
                distance=distance,
                likeness=self._likeness(defect, normal, one),
                frame=good.object.size,
            )
            for one in parts(drawn.anomaly)
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
            earlier: the accepted images of each defect that come before the batch.
        """
        bank = self._settings.bank
        tried = [_Tried(bank.attempts) for _ in defects]
        while True:
            for defect in dict.fromkeys(defects):
                self._settle_in_order(
                    [one for one, name in zip(tried, defects, strict=True) if name == defect],
                    earlier.get(defect, ()),
                    self.limits(defect).least_new,
                )
            wanted = [place for place, one in enumerate(tried) if not one.decided]
            if not wanted:
                return [one.settled() for one in tried]
            attempts = [tried[place].attempts for place in wanted]
            for number in range(bank.candidates):
                for place, drawn in zip(wanted, draw(wanted, attempts, number), strict=True):
                    defect = defects[place]
                    tried[place].add(drawn, self.verdict(defect, drawn), self._cut[defect])
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

    @cached_property
    def _probes(self) -> list[tuple[Image, str]]:
        """Some good images with their keys."""
        train = self._category.train
        probes = train[:: max(1, len(train) // PROBES)][:PROBES]
        return [(read_image(sample.image, name=sample.key), sample.key) for sample in probes]

    @cached_property
    def _cut(self) -> dict[str, list[Support]]:
        """The shots of every defect, cut to it: nothing else of them is compared with drawings."""
        return {
            defect: [
                (image[box.slices], mask[box.slices])
                for image, mask in shots
                for box in [Box.around(mask)]
            ]
            for defect, shots in self._supports.items()
        }

    def _likeness(self, defect: str, normal: Image, anomaly: Anomaly) -> float | None:
        mask = anomaly.defective
        if not mask.any():
            return None
        network, types = self.types()
        # Each by itself, so that no batch's rounding enters.
        return types.likeness(described(network, anomaly.image, normal, mask), defect)


def types_of(
    network: Teacher,
    supports: Mapping[str, Sequence[Support]],
    normals: Sequence[Image],
    objects: Sequence[NDArray[np.bool_]],
    *,
    margin: float,
    seed: int,
) -> Types:
    """What tells a product's types apart, or its only one from anomalies of none, learned from
    pastes of their shots.

    Types of which no paste can be seen are left out; for the arguments see :func:`trials`.
    """
    able = [number for number, object_ in enumerate(objects) if object_.any()]
    if not able:
        return Types.of({})
    ground = [normals[number] for number in able], [objects[number] for number in able]
    found = {}
    for defect, shots in supports.items():
        rng = rng_of(seed, defect)
        examples = [
            described(network, *trial)
            for shot in shots
            for trial in trials(shot, *ground, rng, margin=margin)
        ]
        if examples:
            found[defect] = np.stack(examples)
    if len(supports) == 1:
        (shots,) = supports.values()
        rng = rng_of(seed, NO_TYPE)
        others = [described(network, *one) for one in strangers(shots, *ground, rng)]
        if others:
            found[NO_TYPE] = np.stack(others)
    return Types.of(found)


def described(
    network: Teacher, image: Image, normal: Image, mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Descriptor of a defect ``(C,)`` by features at strides 8 and 16, the mean of its views."""
    crop, weight = crop_around(image, mask)
    below, _ = crop_around(normal, mask)
    with torch.no_grad():
        pixels = torch.from_numpy(np.stack([*views(crop), *views(below)])).permute(0, 3, 1, 2)
        levels = [found.numpy() for found in network(network.normalise(pixels))[-2:]]
    weights = views(weight)
    count = len(weights)
    seen = [
        descriptor(
            [level[view] for level in levels], [level[view + count] for level in levels], weight
        )
        for view, weight in enumerate(weights)
    ]
    mean: NDArray[np.float32] = np.mean(seen, axis=0)
    return mean


@dataclass
class _One:
    """A candidate, what the gate says of it by itself, and how new it is where that is needed.

    ``drawn`` is None once it cannot be kept any more: frames of a large image fill the memory.
    """

    seed: int
    attempt: int
    drawn: Drawn | None
    verdict: Verdict
    imprint: Imprint | None
    from_shots: float

    def new(self, known: Sequence[Imprint]) -> float:
        """How far its defect is from those of the shots and of earlier images."""
        assert self.imprint is not None
        return min(nearest(self.imprint, known), self.from_shots)


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

    def add(self, drawn: Drawn, verdict: Verdict, shots: Sequence[Support]) -> None:
        """One more candidate."""
        image, mask = drawn.anomaly.image, drawn.anomaly.defective
        print_, from_shots = None, 1.0
        if mask.any():
            print_, from_shots = imprint(image, mask), distance_to_shots(image, mask, shots)
        for one in self.candidates:
            # Of the rejected the last is kept, and a rejected one stays so.
            if one.verdict.reason is not None:
                one.drawn = None
        self.candidates.append(_One(drawn.seed, drawn.attempt, drawn, verdict, print_, from_shots))

    def reject_copies(self, known: Sequence[Imprint], limit: float) -> None:
        """Reject accepted candidates that are copies; once a copy, always a copy."""
        if self.kept is not None:
            return
        for one in self.candidates:
            if one.verdict.reason is not None or one.imprint is None:
                continue
            if one.new(known) < limit:
                one.verdict = replace(one.verdict, reason=COPY)

    def settle(self, known: Sequence[Imprint]) -> None:
        """Keep the best accepted candidate, or the last where none was; all earlier are known."""
        if self.kept is not None:
            return
        for one in self.candidates:
            if one.imprint is not None:
                # Only now, as what is recorded must not depend on what was known when.
                scores = one.verdict.scores | {"new": round(one.new(known), 5)}
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
