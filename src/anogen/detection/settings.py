"""Settings of the detectors, and the presets of the papers, their codes, and ours."""

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from anogen.errors import InputError

WeakScope = Literal["boxes", "all"]
Normalisation = Literal["kept", "all"]
Precision = Literal["auto", "fp32", "bf16"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

RANDOM, PRETRAINED = "random", "pretrained"
"""Starts of a detector's weights that are no files."""


class Settings(BaseModel):
    """Unknown keys are refused; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MixtureSettings(Settings):
    """What a training batch is made of."""

    normal_share: Share = Field(default=0.5, description="share of normal images in the batches")
    generated_share: Share = Field(
        default=0.5, description="share of generated among the anomalies, when there are both kinds"
    )
    balance_defects: bool = Field(
        default=True,
        description="every defect equally often among the generated, however many images it has; "
        "false: every image",
    )
    texture_operations: Annotated[int, Field(ge=0, le=10)] = Field(
        default=3, description="colour operations that change the texture of draem's anomalies"
    )
    horizontal_flip: bool = Field(
        default=False, description="mirror left and right, half of the time"
    )
    vertical_flip: bool = Field(
        default=False, description="mirror top and bottom, half of the time"
    )
    quarter_turns: bool = Field(
        default=False, description="turn by a random multiple of 90 degrees"
    )
    rotations: Literal["given", "destseg"] = Field(
        default="given",
        description="destseg: products of MVTec AD are turned as DeSTSeg's code turns them, others "
        "as quarter_turns, rotation_probability and rotation_degrees say; given: all as those say",
    )
    rotation_probability: Share = Field(default=0.0, description="how often an image is rotated")
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = Field(
        default=0.0, description="rotate by an angle between minus and plus this"
    )
    rotation_fill: Annotated[int, Field(ge=0, le=255)] = Field(
        default=0, description="grey value of the corners that a rotation uncovers"
    )


class MaximumOfMean(Settings):
    """Image score: the largest mean of a square window (DRAEM, section 3.4)."""

    kind: Literal["max_of_mean"] = "max_of_mean"
    window: Count = Field(default=21, description="odd side of the window in pixels")

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("the window's side must be odd")
        return window


class TopMean(Settings):
    """Image score: the mean of the k largest pixel scores (DeSTSeg, section 3.4)."""

    kind: Literal["top_k_mean"] = "top_k_mean"
    k: Count = Field(default=100, description="number of pixels")


class TopFractionMean(Settings):
    """Image score: the mean of the largest share of the pixel scores."""

    kind: Literal["top_fraction_mean"] = "top_fraction_mean"
    fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.001, description="share of the pixels"
    )


ImageScore = Annotated[MaximumOfMean | TopMean | TopFractionMean, Field(discriminator="kind")]


class DetectorSettings(Settings):
    """Settings that every detector has."""

    halvings: ClassVar[int] = 5
    """How often the network halves the side of what it works on."""
    packaged: ClassVar[dict[str, int | bool]] = {}
    """The shape of the network whose pretrained weights the package has; empty: it has none."""

    name: str = Field(description="the detector")
    image_size: Count = Field(default=256, description="side of the images in pixels")
    width: Count = Field(default=64, description="channels of the first level of the network")
    patch: Count = Field(default=1, description="side of the square of pixels that become channels")
    start: str = Field(
        default=RANDOM,
        description="where the weights start: random; pretrained on rendered defects, in the "
        "package for the network of quick; or the model.safetensors of another training",
    )
    batch_size: Count = Field(default=8, description="images a step")
    epochs: Count | None = Field(default=None, description="passes over the normals; or give steps")
    steps: Count | None = Field(default=None, description="optimiser steps; or give epochs")
    optimiser: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="optimiser")
    learning_rate: Positive = Field(default=1e-4, description="learning rate at its peak")
    momentum: Share = Field(
        default=0.9, description="momentum of sgd; the first beta of the others"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=0.0, description="weight decay")
    schedule: Literal["constant", "steps", "cosine"] = Field(
        default="steps", description="how the learning rate falls; cosine also warms up"
    )
    milestones: tuple[Share, ...] = Field(
        default=(0.8, 0.9),
        description="where in training the learning rate drops (schedule: steps)",
    )
    drop: Positive = Field(default=0.2, description="factor of each drop (schedule: steps)")
    warm_up: Share = Field(
        default=0.1, description="share of training that warms up (schedule: cosine)"
    )
    focal_gamma: Annotated[float, Field(ge=0)] = Field(
        default=2.0, description="gamma of the focal loss"
    )
    tau: Share = Field(
        default=0.9, description="p_normal from which a pixel of a box carries no loss"
    )
    weak_scope: WeakScope = Field(
        default="boxes", description="filter box-labelled samples only, or all samples"
    )
    loss_normalisation: Normalisation = Field(
        default="kept", description="mean of the loss over the pixels that count, or over all"
    )
    small_defects: Share = Field(
        default=0.0,
        description="share of an image below which pixels of its defect weigh more in the focal "
        "loss, by the square root of how far below, up to 8 times; 0: all pixels weigh alike",
    )
    precision: Precision = Field(
        default="auto",
        description="bf16 where the processor multiplies it in hardware (auto), or forced",
    )
    image_score: ImageScore = Field(
        default=MaximumOfMean(), description="how a score map becomes an image score"
    )
    mixture: MixtureSettings = Field(
        default=MixtureSettings(), description="what a batch is made of"
    )

    @model_validator(mode="after")
    def _size_can_be_halved(self) -> "DetectorSettings":
        step = self.patch * 2**self.halvings
        if self.image_size % step:
            nearest = max(step, round(self.image_size / step) * step)
            raise ValueError(
                f"image_size {self.image_size} is no multiple of {step}, which {self.name} needs "
                f"with patch {self.patch}; use {nearest}, or another patch"
            )
        return self

    @model_validator(mode="after")
    def _start_fits(self) -> "DetectorSettings":
        if self.start != PRETRAINED:
            return self
        if not self.packaged:
            raise ValueError(f"the package has no pretrained {self.name}; use start random")
        other = {
            name: value for name, value in self.packaged.items() if getattr(self, name) != value
        }
        if other:
            wanted = ", ".join(f"{name} {value}" for name, value in self.packaged.items())
            raise ValueError(
                f"the package's pretrained {self.name} has {wanted}; use those, or start random"
            )
        return self

    def resolved(self, normals: int) -> "DetectorSettings":
        """These settings with ``epochs`` turned into ``steps`` for a number of normal images.

        Raises:
            InputError: if not exactly one of ``epochs`` and ``steps`` is given.
        """
        if (self.epochs is None) == (self.steps is None):
            raise InputError(
                f"detector {self.name}: give either epochs or steps (epochs={self.epochs}, "
                f"steps={self.steps})."
            )
        if self.epochs is None:
            return self
        steps = self.epochs * math.ceil(normals / self.batch_size)
        return self.model_copy(update={"steps": steps, "epochs": None})


class ClassifierSettings(Settings):
    """How the classifier of defect types is trained."""

    network: str = Field(
        default="efficientnet-lite0",
        description="efficientnet-lite0, resnet18, resnet34, or a safetensors file or hub id of "
        "one of the latter; where training starts from",
    )
    image_size: Count = Field(default=256, description="side of the images in pixels")
    batch_size: Count = Field(default=8, description="images a step")
    epochs: Count | None = Field(
        default=10, description="passes over the generated images; or give steps"
    )
    steps: Count | None = Field(default=None, description="optimiser steps; or give epochs")
    learning_rate: Positive = Field(default=1e-4, description="learning rate of Adam")
    flips: bool = Field(default=True, description="mirror images, half of the time either way")

    def resolved(self, images: int) -> "ClassifierSettings":
        """These settings with ``epochs`` turned into ``steps`` for a number of images.

        Raises:
            InputError: if not exactly one of ``epochs`` and ``steps`` is given.
        """
        if (self.epochs is None) == (self.steps is None):
            raise InputError(
                f"classifier: give either epochs or steps (epochs={self.epochs}, "
                f"steps={self.steps})."
            )
        if self.epochs is None:
            return self
        steps = self.epochs * math.ceil(images / self.batch_size)
        return self.model_copy(update={"steps": steps, "epochs": None})


class UNetSettings(DetectorSettings):
    """DRAEM's segmentation network alone."""

    packaged: ClassVar[dict[str, int | bool]] = {"width": 16, "patch": 2}

    name: Literal["unet"] = "unet"


class DraemSettings(DetectorSettings):
    """Reconstruction, then segmentation of the image next to its reconstruction."""

    packaged: ClassVar[dict[str, int | bool]] = {
        "width": 16,
        "reconstruction_width": 16,
        "patch": 2,
        "sspcab": False,
    }

    name: Literal["draem"] = "draem"
    reconstruction_width: Count = Field(
        default=128, description="channels of the first level of the reconstruction"
    )
    sspcab: bool = Field(default=False, description="masked attention block in the reconstruction")


class DeSTSegSettings(DetectorSettings):
    """Frozen teacher, denoising student, segmentation of where they differ."""

    name: Literal["destseg"] = "destseg"
    teacher: str = Field(
        default="resnet18",
        description="efficientnet-lite0, resnet18, or a safetensors file or hub id of a ResNet-18",
    )
    student_share: Share = Field(
        default=0.2, description="share of the steps that train the student"
    )
    head_width: Count = Field(default=256, description="channels of the segmentation head")
    head_learning_rate: Positive = Field(
        default=0.01, description="learning rate of the last layers"
    )
    residual_learning_rate: Positive = Field(
        default=0.1, description="learning rate of the head's residual blocks"
    )
    filter_l1: bool = Field(
        default=True, description="whether weak supervision also filters the L1 loss"
    )
    binarise: bool = Field(default=False, description="whether shrunken masks are cut at 0.5")


AnyDetectorSettings = Annotated[
    UNetSettings | DraemSettings | DeSTSegSettings, Field(discriminator="name")
]
_adapter: TypeAdapter[UNetSettings | DraemSettings | DeSTSegSettings] = TypeAdapter(
    AnyDetectorSettings
)


def settings_from(values: dict[str, Any], *, source: str) -> DetectorSettings:
    """Settings from plain values; ``source`` names the file for the error sentence.

    Raises:
        InputError: for unknown keys or bad values.
    """
    try:
        return _adapter.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{source}: detector setting {place}: {reason}.") from error


# AnoGen's train.sh rotates 30 % of the images by up to 90 degrees, as DRAEM's code does.
_DRAEM_MIXTURE = MixtureSettings(rotation_probability=0.3, rotation_degrees=90)
# Every image of a batch has an anomaly; a rotation uncovers grey.
_DESTSEG_MIXTURE = MixtureSettings(
    normal_share=0.0, texture_operations=0, rotations="destseg", rotation_fill=114
)


def _unet_paper() -> UNetSettings:
    # AnomalyDiffusion's localisation: 200 epochs of 500 samples at batch 8, no augmentation; the
    # focal loss alone, which it is on masks.
    return UNetSettings(steps=12600, precision="fp32")


def _unet_official() -> UNetSettings:
    # Plain focal loss whatever the labels: no filter.
    return _unet_paper().model_copy(update={"tau": 1.0, "loss_normalisation": "all"})


def _draem_paper() -> DraemSettings:
    # DRAEM section 4.1: 700 epochs, batch 8, rate 1e-4, times 0.1 after 400 and 600 epochs.
    return DraemSettings(
        epochs=700,
        milestones=(400 / 700, 600 / 700),
        drop=0.1,
        precision="fp32",
        mixture=_DRAEM_MIXTURE,
    )


def _draem_official() -> DraemSettings:
    # AnoGen's released code: batch 16, filter on every sample, mean over all pixels; generated
    # files are drawn from one folder, so a defect with more of them comes oftener.
    return _draem_paper().model_copy(
        update={
            "batch_size": 16,
            "weak_scope": "all",
            "loss_normalisation": "all",
            "mixture": _DRAEM_MIXTURE.model_copy(update={"balance_defects": False}),
        }
    )


def _destseg_paper() -> DeSTSegSettings:
    # DeSTSeg section 4.1: 1000 steps of the student, then 4000 of the segmentation, batch 32. Its
    # code turns products by a table and leaves the textures' colours alone.
    return DeSTSegSettings(
        batch_size=32,
        steps=5000,
        optimiser="sgd",
        learning_rate=0.4,
        weight_decay=1e-4,
        schedule="constant",
        focal_gamma=4.0,
        precision="fp32",
        image_score=TopMean(k=100),
        binarise=True,
        mixture=_DESTSEG_MIXTURE,
    )


def _destseg_official() -> DeSTSegSettings:
    # The released p_cutoff of 0.0 switches the filter off (tau 1); its log folder says 0.1.
    return _destseg_paper().model_copy(
        update={
            "weak_scope": "all",
            "loss_normalisation": "all",
            "filter_l1": False,
            "tau": 1.0,
            "mixture": _DESTSEG_MIXTURE.model_copy(update={"balance_defects": False}),
        }
    )


SMALL = 0.02
"""Share of an image below which defects weigh more with the U-Net of `quick` and `best`; the other
detectors lose pixel AP by it (benchmarks/detection/small_defects)."""

_BEST = {
    "optimiser": "adamw",
    "weight_decay": 1e-2,
    "schedule": "cosine",
    "precision": "auto",
}
_FLIPS = MixtureSettings(horizontal_flip=True, vertical_flip=True)


def _unet_best() -> UNetSettings:
    return _unet_paper().model_copy(
        update=_BEST | {"learning_rate": 5e-4, "mixture": _FLIPS, "small_defects": SMALL}
    )


def _draem_best() -> DraemSettings:
    return _draem_paper().model_copy(
        update=_BEST | {"epochs": None, "steps": 20000, "learning_rate": 3e-4, "mixture": _FLIPS}
    )


def _destseg_best() -> DeSTSegSettings:
    return _destseg_paper().model_copy(
        update=_BEST
        | {
            "learning_rate": 1e-3,
            "residual_learning_rate": 1e-3,
            "head_learning_rate": 1e-3,
            "binarise": False,
            "mixture": _FLIPS.model_copy(update={"normal_share": 0.25}),
        }
    )


# `quick` is sized by measured seconds a step (batch 8, 256 px, two cores with AMX) for about two
# minutes each; its learning rates are not tuned yet.
_QUICK = _BEST | {"patch": 2, "mixture": _FLIPS}


def _unet_quick() -> UNetSettings:
    return UNetSettings().model_copy(
        update=_QUICK
        | {
            "start": PRETRAINED,
            "width": 16,
            "steps": 450,
            "learning_rate": 2e-3,
            "small_defects": SMALL,
        }
    )


def _draem_quick() -> DraemSettings:
    return DraemSettings().model_copy(
        update=_QUICK
        | {
            "start": PRETRAINED,
            "width": 16,
            "reconstruction_width": 16,
            "steps": 250,
            "learning_rate": 2e-3,
        }
    )


def _destseg_quick() -> DeSTSegSettings:
    return DeSTSegSettings().model_copy(
        update=_QUICK
        | {
            "patch": 1,
            "teacher": "efficientnet-lite0",
            "width": 16,
            "head_width": 64,
            "steps": 320,
            "student_share": 0.3,
            "learning_rate": 2e-3,
            "residual_learning_rate": 5e-3,
            "head_learning_rate": 5e-3,
            "image_score": TopMean(k=100),
        }
    )


_PRESETS: dict[tuple[str, str], Callable[[], DetectorSettings]] = {
    ("unet", "paper"): _unet_paper,
    ("unet", "official"): _unet_official,
    ("unet", "best"): _unet_best,
    ("unet", "quick"): _unet_quick,
    ("draem", "paper"): _draem_paper,
    ("draem", "official"): _draem_official,
    ("draem", "best"): _draem_best,
    ("draem", "quick"): _draem_quick,
    ("destseg", "paper"): _destseg_paper,
    ("destseg", "official"): _destseg_official,
    ("destseg", "best"): _destseg_best,
    ("destseg", "quick"): _destseg_quick,
}


def preset(detector: str, name: str) -> DetectorSettings:
    """The settings of ``detector`` (unet, draem, destseg) under ``name``.

    ``paper`` is each paper as printed, ``official`` its released code, ``quick`` two minutes on
    two cores, ``best`` ours.

    Raises:
        InputError: for an unknown detector or preset; the sentence lists the known ones.
    """
    if (detector, name) not in _PRESETS:
        known = ", ".join(f"{first} {second}" for first, second in _PRESETS)
        raise InputError(f"no preset {name!r} of detector {detector!r}; known are: {known}.")
    return _PRESETS[detector, name]()
