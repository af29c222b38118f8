"""Training batches: normal images, procedural anomalies, and generated ones, mixed."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.detection.augmentation import Augmentation
from anogen.detection.contract import Batch
from anogen.detection.settings import MixtureSettings
from anogen.errors import InputError
from anogen.seeds import rng_of
from anogen.synthesis.contract import Synthesizer

Draw = Callable[
    [NDArray[np.uint8], NDArray[np.bool_] | None, np.random.Generator],
    tuple[NDArray[np.uint8], NDArray[np.float32]],
]
"""Draws on a normal image ``(S, S, 3)``, within the pixels ``(S, S)`` that are given: the image
with a defect, and its mask ``(S, S)``."""


@dataclass(frozen=True)
class Example:
    """One training example: images uint8 ``(S, S, 3)``, mask float32 ``(S, S)`` in [0, 1]."""

    image: NDArray[np.uint8]
    normal: NDArray[np.uint8]
    mask: NDArray[np.float32]
    weak: bool = False


class Source(Protocol):
    """Where anomalies come from."""

    generated: bool
    """Whether the anomalies were generated beforehand (else they are drawn in every step)."""

    def draw(
        self, normals: NDArray[np.uint8], settings: MixtureSettings, rng: np.random.Generator
    ) -> Example:
        """One augmented anomalous example of the size of ``normals``."""
        ...

    def fingerprint(self) -> bytes:
        """What tells this source from another: two equal sources give equal bytes."""
        ...


def procedural(synthesizer: Synthesizer) -> Draw:
    """A synthesizer that chooses its own place, as a function of image, region and generator."""

    def draw(
        image: NDArray[np.uint8], region: NDArray[np.bool_] | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        anomaly = synthesizer(image, region, rng)
        return np.asarray(anomaly.image, dtype=np.uint8), anomaly.mask

    return draw


class ProceduralSource:
    """Draws a new anomaly on a random normal image every time.

    Args:
        draw: what draws; see :func:`procedural` for synthesizers.
        name: tells this source from others when a training resumes.
        objects: bool ``(N, S, S)``, where the object of each normal image is: anomalies stay on
            it. None: they may be anywhere.
    """

    generated = False

    def __init__(self, draw: Draw, *, name: str, objects: NDArray[np.bool_] | None = None) -> None:
        self._draw = draw
        self._name = name
        self._objects = objects

    def draw(
        self, normals: NDArray[np.uint8], settings: MixtureSettings, rng: np.random.Generator
    ) -> Example:
        """An anomaly on an augmented normal image."""
        augmentation = Augmentation(settings, rng)
        index = rng.integers(len(normals))
        normal = augmentation.image(normals[index])
        region = None
        if self._objects is not None:
            turned = augmentation.mask(self._objects[index].astype(np.float32)) >= 0.5
            region = turned if turned.any() else None
        image, mask = self._draw(normal, region, rng)
        return Example(image=image, normal=normal, mask=mask)

    def fingerprint(self) -> bytes:
        """The name, and a hash of the objects where they bind."""
        if self._objects is None:
            return self._name.encode()
        return self._name.encode() + hashlib.sha256(np.packbits(self._objects).data).digest()


class GeneratedSource:
    """Generated anomalies, each defect equally often or each image, as the settings say.

    Args:
        images: uint8 ``(M, S, S, 3)``.
        normals: uint8 ``(K, S, S, 3)``: the normal images that were drawn on.
        normal_of: int ``(M,)``: for each image the index of its normal image.
        masks: ``(M, S, S)`` labels in [0, 1], or uint8 0 and 1: boxes or masks.
        weak: bool ``(M,)``: which labels are boxes.
        defects: the defect's name for each image.

    Raises:
        InputError: if there are no images.
        ValueError: if the lengths do not fit.
    """

    generated = True

    def __init__(
        self,
        images: NDArray[np.uint8],
        *,
        normals: NDArray[np.uint8],
        normal_of: NDArray[np.int64],
        masks: NDArray[np.uint8] | NDArray[np.float32],
        weak: NDArray[np.bool_],
        defects: Sequence[str],
    ) -> None:
        if len(images) == 0:
            raise InputError("there are no generated images to train on; generate some first.")
        if not len(images) == len(normal_of) == len(masks) == len(weak) == len(defects):
            raise ValueError("images, normal_of, masks, weak and defects differ in length")
        self._images, self._normals, self._normal_of = images, normals, normal_of
        self._masks, self._weak = masks, weak
        names = np.asarray(defects)
        self._of_defect = [np.flatnonzero(names == name) for name in sorted(set(defects))]

    def draw(
        self, normals: NDArray[np.uint8], settings: MixtureSettings, rng: np.random.Generator
    ) -> Example:
        """A random image, of a random defect or of all, augmented with its normal and mask."""
        del normals  # the image stands on its own normal
        augmentation = Augmentation(settings, rng)
        if settings.balance_defects:
            members = self._of_defect[rng.integers(len(self._of_defect))]
            index = members[rng.integers(len(members))]
        else:
            index = rng.integers(len(self._images))
        return Example(
            image=augmentation.image(self._images[index]),
            normal=augmentation.image(self._normals[self._normal_of[index]]),
            mask=augmentation.mask(self._masks[index].astype(np.float32)),
            weak=bool(self._weak[index]),
        )

    def fingerprint(self) -> bytes:
        """A hash of all arrays."""
        digest = hashlib.sha256()
        for array in (self._images, self._normals, self._normal_of, self._masks, self._weak):
            digest.update(np.ascontiguousarray(array).data)
        for members in self._of_defect:
            digest.update(members.data)
        return digest.digest()


class Mixture:
    """Training batches; the batch of a step depends on the seed and the step alone.

    Each image of a batch is normal with probability ``settings.normal_share``; else one of the
    sources draws it. Generated and procedural sources share the anomalies by
    ``settings.generated_share``, sources of one kind equally (AnoGen, section 5.1: 0.5 each).

    Args:
        normals: uint8 ``(N, S, S, 3)``.
        sources: where the anomalies come from.
        settings: shares and augmentation.
        batch_size: images a batch.

    Raises:
        InputError: without normal images, or with anomalies asked for and no source.
    """

    def __init__(
        self,
        normals: NDArray[np.uint8],
        sources: Sequence[Source],
        *,
        settings: MixtureSettings,
        batch_size: int,
    ) -> None:
        if len(normals) == 0:
            raise InputError("there are no normal images to train on.")
        if not sources and settings.normal_share < 1:
            raise InputError("no source of anomalies to train on; give at least one.")
        self.normals = normals
        self.sources = tuple(sources)
        self.settings = settings
        self.batch_size = batch_size
        self.probabilities = _probabilities(self.sources, settings.generated_share)

    def batch(self, step: int, *, seed: int) -> Batch:
        """The batch of ``step`` (from 0) under ``seed``."""
        rng = rng_of(seed, "batch", step)
        examples = [self._example(rng) for _ in range(self.batch_size)]
        return Batch(
            image=_channels_first([example.image for example in examples]),
            normal=_channels_first([example.normal for example in examples]),
            mask=torch.from_numpy(np.stack([example.mask for example in examples])[:, None]),
            weak=torch.tensor([example.weak for example in examples]),
        )

    def fingerprint(self) -> str:
        """Hex hash of everything that the batches depend on, the seed apart."""
        digest = hashlib.sha256(np.ascontiguousarray(self.normals).data)
        for source in self.sources:
            digest.update(source.fingerprint())
        digest.update(f"{self.settings.model_dump_json()} {self.batch_size}".encode())
        return digest.hexdigest()

    def _example(self, rng: np.random.Generator) -> Example:
        if rng.random() < self.settings.normal_share:
            normal = self.normals[rng.integers(len(self.normals))]
            image = Augmentation(self.settings, rng).image(normal)
            return Example(image=image, normal=image, mask=np.zeros(image.shape[:2], np.float32))
        source = self.sources[rng.choice(len(self.sources), p=self.probabilities)]
        return source.draw(self.normals, self.settings, rng)


def _probabilities(sources: Sequence[Source], generated_share: float) -> NDArray[np.float64]:
    generated = np.array([source.generated for source in sources], dtype=bool)
    count = int(generated.sum())
    if count in (0, len(sources)):
        return np.full(len(sources), 1 / max(1, len(sources)))
    return np.where(generated, generated_share / count, (1 - generated_share) / (~generated).sum())


def _channels_first(images: list[NDArray[np.uint8]]) -> Tensor:
    # A view: channels last in memory is also what the networks want.
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
