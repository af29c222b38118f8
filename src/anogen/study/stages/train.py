"""Stage 3 of a run: a detector, trained on the images of an arm."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.images import to_rgb8
from anogen.data.loading import load_rgb
from anogen.data.resizing import resize_image
from anogen.data.sample import Category, SupportSet
from anogen.data.textures import shared_textures
from anogen.detection.mixing import (
    GeneratedSource,
    Mixture,
    ProceduralSource,
    Source,
    procedural,
)
from anogen.detection.rotations import for_category
from anogen.detection.saved import make_detector
from anogen.detection.training import train as train_detector
from anogen.errors import InputError
from anogen.seeds import seed_of
from anogen.study.arms import procedures_of, with_generated
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder
from anogen.study.stages.material import supports_of
from anogen.study.stages.objects import objects_of
from anogen.synthesis.contract import synthesizers


@dataclass(frozen=True)
class _Generated:
    """The accepted images of a bank at a detector's size."""

    images: NDArray[np.uint8]
    normals: NDArray[np.uint8]
    normal_of: NDArray[np.int64]
    masks: NDArray[np.float32]
    defects: list[str]


def train(images: "TrainingImages", detector: str, arm: str, seed: int) -> None:
    """Train a detector on the images of an arm, or take up where that was interrupted.

    Raises:
        InputError: if the arm needs generated images and there are none.
    """
    run, category, settings = images.run, images.category, images.settings
    assert settings.steps is not None
    folder = run.detector(category.name, detector, arm, seed)
    mixture = images.of(arm)
    # The seed belongs to detector and number, not to the arm: arms are compared in pairs.
    own = seed_of(run.settings.seed, "detector", category.name, detector, seed)
    with timed(folder, "train"):
        made = make_detector(settings, seed=own)
        train_detector(made, mixture, steps=settings.steps, seed=own, folder=folder)


class TrainingImages:
    """What a category's trainings of one detector share: good images, and each arm's anomalies.

    Args:
        run: whose settings and bank count.
        category: the good images.
        support: the shots.
        detector: at whose size images are decoded; anomalies when they are first asked for.
    """

    def __init__(
        self, run: RunFolder, category: Category, support: SupportSet, detector: str
    ) -> None:
        self.run, self.category, self.support = run, category, support
        settings = run.settings.detectors[detector].resolved(len(category.train))
        mixture = for_category(settings.mixture, category.name)
        self.settings = settings.model_copy(update={"mixture": mixture})
        self.size = self.settings.image_size
        self.normals = load_rgb(category.train, self.size)
        self._generated: GeneratedSource | None = None
        self._procedural: dict[str, Source] = {}

    def of(self, arm: str) -> Mixture:
        """The batches of an arm.

        Raises:
            InputError: if the arm needs generated images and there are none.
        """
        names = procedures_of(arm, self.run.settings.training.procedural)
        sources: list[Source] = [self.procedural(name) for name in names]
        if with_generated(arm):
            sources.append(self.generated())
        return Mixture(
            self.normals,
            sources,
            settings=self.settings.mixture,
            batch_size=self.settings.batch_size,
        )

    def procedural(self, name: str) -> Source:
        """The source that draws with a procedural synthesizer."""
        if name not in self._procedural:
            folder = self.run.settings.training.textures
            if name == "draem":
                textures = None
                if folder is not None:
                    source = shared_textures(Path(folder), size=self.size)
                    textures = lambda rng: source.draw(rng, self.size)  # noqa: E731
                operations = self.settings.mixture.texture_operations
                made = synthesizers[name](textures=textures, operations=operations)
            elif name == "croppaste":
                made = synthesizers[name](supports=self._supports())
            else:
                made = synthesizers[name]()
            self._procedural[name] = ProceduralSource(
                procedural(made), name=name, objects=self._objects
            )
        return self._procedural[name]

    @cached_property
    def _objects(self) -> NDArray[np.bool_] | None:
        if self.run.settings.training.procedural_on == "anywhere":
            return None
        return objects_of(self.normals, self.run.settings.placement.foreground)

    def _supports(self) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        found = []
        for samples in self.support.shots.values():
            for image, mask in supports_of(samples):
                small = resize_image(to_rgb8(image), self.size)
                shrunk = resize_image(mask.astype(np.uint8) * 255, self.size)
                found.append((small, shrunk >= min(128, int(shrunk.max()))))
        return found

    def generated(self) -> GeneratedSource:
        """The bank as a source, with the label that the settings name."""
        if self._generated is None:
            training = self.run.settings.training
            data = _load_bank(self.run, self.category, self.size, training.label)
            self._generated = GeneratedSource(
                data.images,
                normals=data.normals,
                normal_of=data.normal_of,
                masks=data.masks,
                weak=np.full(len(data.images), training.label == "box"),
                defects=data.defects,
            )
        return self._generated


def _load_bank(run: RunFolder, category: Category, size: int, label: str) -> _Generated:
    bank = Bank(run.bank(category.name))
    entries = list(bank.accepted())
    by_key = {sample.key: sample for sample in category.train}
    keys = sorted({entry.normal for entry in entries})
    for key in keys:
        if key not in by_key:
            raise InputError(
                f"{bank.folder}: drawn on {key}, which is no good training image of the dataset "
                "any more; put it back, or start another run."
            )
    normals = load_rgb([by_key[key] for key in keys], size)
    place = {key: row for row, key in enumerate(keys)}
    images = np.empty((len(entries), size, size, 3), np.uint8)
    masks = np.empty((len(entries), size, size), np.float32)
    for row, entry in enumerate(entries):
        image = bank.image(entry)
        images[row] = resize_image(to_rgb8(image), size)
        if label == "box":
            truth = entry.covered(*image.shape[:2]).astype(np.float32)
        else:
            stored = bank.mask(entry)
            if stored is None:
                raise InputError(
                    f"{bank.folder}: {entry.id} has no mask; train with training.label=box."
                )
            truth = stored if label == "soft" else (stored >= 0.5).astype(np.float32)
        grey = resize_image((truth * 255).astype(np.uint8), size).astype(np.float32) / 255
        masks[row] = (
            grey if label == "soft" else ((grey > 0) & (grey >= min(0.5, float(grey.max()))))
        )
    normal_of = np.array([place[entry.normal] for entry in entries], dtype=np.int64)
    return _Generated(images, normals, normal_of, masks, [entry.defect for entry in entries])
