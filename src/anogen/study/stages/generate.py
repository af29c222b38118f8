"""Stage 2 of a run: a bank of drawn defects for every category."""

import sys
from collections.abc import Sequence
from dataclasses import fields, replace

from tqdm import tqdm

from anogen.bank.bank import Bank, image_path, mask_path
from anogen.bank.manifest import Entry
from anogen.concept.concept import load_concept
from anogen.data.images import read_image
from anogen.data.sample import Category, SupportSet
from anogen.errors import InputError
from anogen.files import sha256_of
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import rng_of, seed_of
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder, versions
from anogen.study.stages.material import supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import Planned, plan
from anogen.synthesis.anogen import AnoGenSynthesizer, Job
from anogen.synthesis.contract import Anomaly, Image
from anogen.synthesis.gate import Limits, calibrated, judge


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
    one.

    Raises:
        InputError: if a concept is missing or a box cannot be placed.
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
        tqdm(
            total=len(todo),
            desc=f"generate {category.name}",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        ) as bar,
    ):
        for defect in sorted(support.shots):
            of_defect = [item for item in todo if item.defect == defect]
            size = settings.synthesis.batch_size
            for start in range(0, len(of_defect), size):
                batch = of_defect[start : start + size]
                if not all(bank.has(item.id) for item in batch):
                    artist = artist or _Artist(run, category, support, prior)
                    for entry, anomaly in artist.draw(batch):
                        if not bank.has(entry.id):
                            bank.add(entry, anomaly.image, anomaly.mask)
                bar.update(len(batch))
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
        self.places = Places(category, self.supports, self.settings)
        self.synthesizers: dict[str, AnoGenSynthesizer] = {}
        self.concepts: dict[str, tuple[str, str]] = {}
        for defect in self.supports:
            path = run.concept(category.name, defect)
            self.synthesizers[defect] = AnoGenSynthesizer(
                prior,
                load_concept(path),
                settings=self.settings.synthesis,
                supports=self.supports[defect],
            )
            self.concepts[defect] = (run.relative(path), sha256_of(path))
        self.versions = versions()
        self.limits: dict[str, Limits] = {}

    def draw(self, batch: Sequence[Planned]) -> list[tuple[Entry, Anomaly]]:
        """Draw a batch of one defect; what the gate rejects is drawn again, up to the limit."""
        finished: dict[str, tuple[Entry, Anomaly]] = {}
        open_items = list(batch)
        for attempt in range(self.settings.bank.attempts):
            jobs, seeds = [], []
            for item in open_items:
                seed = seed_of(self.settings.seed, self.category.name, item.id, attempt)
                jobs.append(self._job(item, attempt, seed))
                seeds.append(seed)
            anomalies = self.synthesizers[batch[0].defect].draw(jobs)
            rejected = []
            for item, job, seed, anomaly in zip(open_items, jobs, seeds, anomalies, strict=True):
                entry = self._entry(item, job.normal, anomaly, seed)
                finished[item.id] = (entry, anomaly)
                if entry.decision == "rejected":
                    rejected.append(item)
            open_items = rejected
            if not open_items:
                break
        return [finished[item.id] for item in batch]

    def _job(self, item: Planned, attempt: int, seed: int) -> Job:
        normal, region = self.places.place(item, attempt)
        return Job(normal, region, rng_of(seed))

    def _limits(self, defect: str) -> Limits:
        """The gate's limits for a defect: calibrated, but for those that the settings name."""
        if defect not in self.limits:
            supports = self.supports[defect]
            probes = self.category.train[:: max(1, len(self.category.train) // 12)][:12]
            normals = [read_image(sample.image, name=sample.key) for sample in probes]
            # The median image and the legal region know images of one size only.
            alike = all(image.shape == normals[0].shape for image, _ in supports)
            limits = calibrated(
                supports,
                normals,
                margin=self.settings.placement.margin,
                objects=[self.places.legal(image) for image, _ in supports] if alike else (),
            )
            bank = self.settings.bank
            given = {field.name: getattr(bank, field.name) for field in fields(Limits)}
            self.limits[defect] = replace(
                limits, **{name: value for name, value in given.items() if value is not None}
            )
        return self.limits[defect]

    def _entry(self, item: Planned, normal: Image, anomaly: Anomaly, seed: int) -> Entry:
        verdict = judge(
            normal,
            anomaly,
            self._limits(item.defect),
            on_object=self.places.legal(normal),
            shots=[image for image, _ in self.supports[item.defect]],
        )
        concept, concept_sha256 = self.concepts[item.defect]
        x0, y0, x1, y1 = anomaly.box.as_list()
        return Entry(
            id=item.id,
            image=image_path(item.id),
            mask=mask_path(item.id),
            box=(x0, y0, x1, y1),
            normal=item.normal.key,
            normal_sha256=sha256_of(item.normal.image),
            category=self.category.name,
            defect=item.defect,
            concept=concept,
            concept_sha256=concept_sha256,
            prior=self.prior.fingerprint,
            sampler=dict(anomaly.provenance),
            seed=seed,
            gate=verdict.scores,
            decision="accepted" if verdict.reason is None else "rejected",
            reason=verdict.reason,
            versions=self.versions,
        )
