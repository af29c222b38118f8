"""Stage 2 of a run: a bank of drawn defects for every category."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank, image_path, mask_path
from anogen.bank.manifest import Entry, corners
from anogen.concept.concept import load_concept
from anogen.data.images import read_image
from anogen.data.sample import Category, SupportSet
from anogen.errors import InputError, NoPlaceError
from anogen.files import inside, sha256_of
from anogen.placement.box import Box
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import rng_of, seed_of
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder, versions
from anogen.study.saying import progress_bar, say
from anogen.study.stages.goods import Good
from anogen.study.stages.judging import Drawn, Judging, Settled
from anogen.study.stages.learned_masks import sampled_masks
from anogen.study.stages.material import supports_of
from anogen.study.stages.near_object import rim_of, trimmed
from anogen.study.stages.places import Places
from anogen.study.stages.planned import Planned, plan
from anogen.synthesis.contract import Anomaly, Image, synthesizers
from anogen.synthesis.copies import Imprint, imprint
from anogen.synthesis.diffusion import DiffusionSynthesizer, Job, draw_together
from anogen.synthesis.seen_through import surfaces_of
from anogen.synthesis.several import Work, draw_several
from anogen.synthesis.tightening import tightened_boxes

_Ground = tuple[Good, Box, list[NDArray[np.bool_]]]

MOST_GOODS, MOST_PIXELS = 256, 2**28
"""Good images that are compared with the shots, at most, and their pixels together."""


def progress(run: RunFolder, category: Category, support: SupportSet) -> tuple[int, int]:
    """How many images of a category's bank are drawn, and how many are planned."""
    bank = Bank(run.bank(category.name))
    planned = plan(category, sorted(support.shots), run.settings.bank, seed=run.settings.seed)
    return sum(bank.has(item.id) for item in planned), len(planned)


def need_bank(run: RunFolder, category: Category, support: SupportSet) -> None:
    """Refuse to train on a bank that is not there, not whole, or empty.

    Raises:
        InputError: saying which of them.
    """
    bank = Bank(run.bank(category.name))
    drawn, planned = progress(run, category, support)
    if drawn < planned:
        raise InputError(
            f"{bank.folder}: {planned - drawn} of {planned} images are not drawn yet; run "
            f"'anogen generate {run.path}' first."
        )
    if next(bank.accepted(), None) is None:
        raise InputError(
            f"{bank.folder}: no image was accepted, so the arms with generated anomalies cannot "
            "train; look at the reasons in its manifest.jsonl, and start another run with other "
            "settings of bank or synthesis."
        )


def generate(
    run: RunFolder, category: Category, support: SupportSet, prior: LatentDiffusion
) -> None:
    """Draw what is missing of a category's bank.

    A batch is drawn whole or not at all, so an interrupted run ends with the bytes of an unbroken
    one. A good image on which there is no place is rejected as it is.

    Raises:
        InputError: if a concept is missing, or no image has a place for a defect.
    """
    bank = Bank(run.bank(category.name))
    settings = run.settings
    artist: _Artist | None = None
    todo = plan(category, sorted(support.shots), settings.bank, seed=settings.seed)
    if all(bank.has(item.id) for item in todo):
        bank.finish()
        return
    with (
        timed(bank.folder, "generate"),
        progress_bar(f"generate {category.name}", len(todo)) as done,
    ):
        size = settings.synthesis.batch_size
        for start in range(0, len(todo), size):
            batch = todo[start : start + size]
            if not all(bank.has(item.id) for item in batch):
                artist = artist or _Artist(run, category, support, prior)
                here = {item.defect for item in batch}
                before = [item for item in todo[:start] if item.defect in here]
                odd = artist.without_place(batch, before, bank)
                for item, why in odd.items():
                    if not bank.has(item.id):
                        say(f"note: {why} This image is left out.")
                        artist.add_rejected(bank, item, why)
                earlier = artist.accepted(before, bank)
                able = [item for item in batch if item not in odd]
                for entry, anomaly in artist.draw(able, earlier):
                    if not bank.has(entry.id):
                        bank.add(entry, anomaly.image, anomaly.mask)
            done(start + len(batch), len(todo))
    bank.finish()


class _Artist:
    """Draws planned images of one category; keeps what they share."""

    def __init__(
        self, run: RunFolder, category: Category, support: SupportSet, prior: LatentDiffusion
    ) -> None:
        self.run = run
        self.category = category
        self.prior = prior
        self.settings = run.settings
        self.supports = {d: supports_of(samples) for d, samples in support.shots.items()}
        surfaces = self._surfaces()
        sampled = sampled_masks(run, category, self.supports, prior)
        self.places = Places(category, self.supports, self.settings, sampled=sampled)
        self.synthesizers: dict[str, DiffusionSynthesizer] = {}
        self.concepts: dict[str, tuple[str, str]] = {}
        for defect in self.supports:
            path = run.concept(category.name, defect)
            synthesizer = synthesizers[self.settings.method](
                prior,
                load_concept(path),
                settings=self.settings.synthesis,
                supports=self.supports[defect],
                surfaces=surfaces[defect],
            )
            assert isinstance(synthesizer, DiffusionSynthesizer)
            self.synthesizers[defect] = synthesizer
            self.concepts[defect] = (run.relative(path), sha256_of(path))
        self.versions = versions()
        self.imprints: dict[str, Imprint | None] = {}
        self._first: dict[str, _Ground] = {}
        self.judging = Judging(self.settings, category, self.supports, objects=self.places.object)

    def _surfaces(self) -> dict[str, list[Image | None]]:
        """Of each defect what lay under its shots, where sketches shall let that show through."""
        if self.settings.synthesis.init != "sketch":
            return {defect: [] for defect in self.supports}
        train = self.category.train
        pixels = max(mask.size for shots in self.supports.values() for _, mask in shots)
        count = max(1, min(len(train), MOST_GOODS, MOST_PIXELS // pixels))
        some = (train[len(train) * index // count] for index in range(count))
        return surfaces_of(
            self.supports, (read_image(sample.image, name=sample.key) for sample in some)
        )

    def without_place(
        self, batch: Sequence[Planned], before: Sequence[Planned], bank: Bank
    ) -> dict[Planned, str]:
        """The images of a batch on which there is no place for their defect, and why.

        Raises:
            NoPlaceError: if neither the others of the batch nor those before have one.
        """
        self._first = {}
        odd: dict[Planned, NoPlaceError] = {}
        for item in batch:
            try:
                self._first[item.id] = self._placed(item, 0)
            except NoPlaceError as error:
                odd[item] = error
        for item, found in odd.items():
            if not any(one.defect == item.defect and one not in odd for one in batch) and not any(
                one.defect == item.defect and bank.manifest[one.id].candidates for one in before
            ):
                raise found
        return {item: str(found) for item, found in odd.items()}

    def add_rejected(self, bank: Bank, item: Planned, why: str) -> None:
        """Put a good image on which there is no place into the bank, rejected."""
        image = self.places.normal(item)
        height, width = image.shape[:2]
        entry = Entry(
            **self._made_of(item),
            box=corners(Box(0, 0, width, height)),
            sampler={},
            seed=self._seed(item, 0),
            gate={},
            decision="rejected",
            reason=why,
        )
        bank.add(entry, image, np.zeros((height, width), np.float32))

    def accepted(self, items: Sequence[Planned], bank: Bank) -> dict[str, list[Imprint]]:
        """What the accepted of some images look like, as the bank has them, by defect."""
        found: dict[str, list[Imprint]] = {}
        for item in items:
            if item.id not in self.imprints:
                entry = bank.manifest[item.id]
                self.imprints[item.id] = None
                if entry.decision == "accepted" and entry.mask is not None:
                    # The mask as it was drawn, whatever a reviewer made of it since.
                    mask = read_image(inside(bank.folder, entry.mask)) >= 128
                    self.imprints[item.id] = imprint(bank.image(entry), mask)
            if (one := self.imprints[item.id]) is not None:
                found.setdefault(item.defect, []).append(one)
        return found

    def draw(
        self, batch: Sequence[Planned], earlier: Mapping[str, Sequence[Imprint]]
    ) -> Iterator[tuple[Entry, Anomaly]]:
        """Draw a batch; what the gate rejects is drawn again, up to the limit.

        All of it is drawn before the first is given out, on its whole image one after the other.

        Args:
            batch: images, of one defect or several.
            earlier: of each defect the accepted images before them, of which no copy is wanted.
        """

        def candidates(places: Sequence[int], attempts: Sequence[int], number: int) -> list[Drawn]:
            tried = [
                (batch[place], attempt) for place, attempt in zip(places, attempts, strict=True)
            ]
            seeds = [self._seed(item, attempt, number) for item, attempt in tried]
            grounds = [self._ground(item, attempt) for item, attempt in tried]
            works = [
                Work(good.image[part.slices], regions, rng_of(seed), item.defect)
                for (good, part, regions), (item, _), seed in zip(
                    grounds, tried, seeds, strict=True
                )
            ]
            anomalies = draw_several(self._draw, works)
            return [
                Drawn(good, part, self._ended(item, good, part, anomaly), seed, attempt)
                for (good, part, _), anomaly, (item, attempt), seed in zip(
                    grounds, anomalies, tried, seeds, strict=True
                )
            ]

        defects = [item.defect for item in batch]
        settled = self.judging.settle(defects, candidates, earlier=earlier)
        for item, one in zip(batch, settled, strict=True):
            anomaly = one.kept.whole()
            yield self._entry(item, one, anomaly), anomaly

    def _seed(self, item: Planned, attempt: int, number: int = 0) -> int:
        # The first candidate is the same however many there are.
        further = (number,) if number else ()
        return seed_of(self.settings.seed, self.category.name, item.id, attempt, *further)

    def _ground(self, item: Planned, attempt: int) -> _Ground:
        """Where an image is drawn in; at its first places again where no others are found."""
        if attempt:
            try:
                return self._placed(item, attempt)
            except NoPlaceError:
                pass
        return self._first[item.id]

    def _placed(self, item: Planned, attempt: int) -> _Ground:
        """What is drawn on: a good image, the part of it around the places, and these in it."""
        good, places = self.places.place(item, attempt)
        around, shape = self.synthesizers[item.defect].around, good.image.shape[:2]
        part = Box.holding([around(place.box, *shape) for place in places])
        return good, part, [place.within(part) for place in places]

    def _ended(self, item: Planned, good: Good, part: Box, anomaly: Anomaly) -> Anomaly:
        """A drawing that ends where there is nothing to take away."""
        if not self.places.bites[item.defect]:
            return anomaly
        rim = rim_of(good.object.shape)
        return trimmed(anomaly, good.image[part.slices], good.object[part.slices], rim=rim)

    def _draw(self, jobs: Sequence[Job]) -> list[Anomaly]:
        return draw_together([self.synthesizers[job.defect] for job in jobs], jobs)

    def _entry(self, item: Planned, settled: Settled, anomaly: Anomaly) -> Entry:
        verdict = settled.verdict
        boxes = tightened_boxes(anomaly)
        return Entry(
            **self._made_of(item),
            box=corners(Box.holding(boxes)),
            boxes=tuple(corners(box) for box in boxes) if anomaly.boxes else (),
            placed=tuple(corners(box) for box in anomaly.boxes or (anomaly.box,)),
            sampler=dict(anomaly.provenance),
            seed=settled.kept.seed,
            gate=verdict.scores,
            decision="accepted" if verdict.reason is None else "rejected",
            reason=verdict.reason,
            candidates=settled.candidates,
        )

    def _made_of(self, item: Planned) -> dict[str, Any]:
        """The fields of an entry that are known before anything is drawn."""
        concept, concept_sha256 = self.concepts[item.defect]
        return {
            "id": item.id,
            "image": image_path(item.id),
            "mask": mask_path(item.id),
            "normal": item.normal.key,
            "normal_sha256": sha256_of(item.normal.image),
            "category": self.category.name,
            "defect": item.defect,
            "concept": concept,
            "concept_sha256": concept_sha256,
            "prior": self.prior.fingerprint,
            "versions": self.versions,
        }
