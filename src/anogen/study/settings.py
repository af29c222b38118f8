"""The settings of a whole run: every stage's own, and what joins them."""

from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator

from anogen.concept.settings import ConceptSettings
from anogen.detection.settings import DetectorSettings, preset, settings_from
from anogen.errors import InputError
from anogen.placement.settings import PlacementSettings
from anogen.study.results import BOTH, GENERATED, PROCEDURAL
from anogen.synthesis.settings import SynthesisSettings

PRESETS = ("quick", "best", "paper", "official")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(_Part):
    """Where the images are."""

    root: str = Field(description="the dataset's folder")
    layout: Literal["mvtec", "folder"] | None = Field(
        default=None, description="how the folder is laid out; null detects it"
    )
    categories: tuple[str, ...] | None = Field(default=None, description="null takes all")
    defects: tuple[str, ...] | None = Field(default=None, description="null takes all")


class SupportSettings(_Part):
    """Which real defects may be learned from."""

    shots: int = Field(default=3, ge=1, description="images of each defect")
    draw: int = Field(default=0, ge=0, description="which draw of the shots (their seed)")
    listing: str | None = Field(default=None, description="file that names the shots")
    official: bool = Field(default=False, description="AnoGen's own shots, by file number")


class BankSettings(_Part):
    """How many defects are drawn."""

    normals: int | None = Field(
        default=60, ge=1, description="good images drawn on for each defect; null takes all"
    )
    boxes: int = Field(default=1, ge=1, description="places on each good image")
    samples: int = Field(default=1, ge=1, description="drawings at each place")
    attempts: int = Field(
        default=3, ge=1, description="drawings until the gate accepts one; the last is kept as is"
    )
    least_change: float = Field(
        default=0.06, ge=0, le=1, description="mean difference on the mask that counts as visible"
    )
    smallest_area: int = Field(
        default=6, ge=0, description="pixels of a defect that a person can still see"
    )
    most_filled: float = Field(
        default=0.9, gt=0, le=1, description="share of the box above which a drawing is a patch"
    )


class TrainingSettings(_Part):
    """Which detectors are trained on what."""

    detectors: tuple[str, ...] = Field(default=("draem",), description="draem, unet, destseg")
    arms: tuple[str, ...] = Field(
        default=(PROCEDURAL, BOTH), description="which anomalies are trained on"
    )
    seeds: int = Field(default=3, ge=1, description="trainings of each arm")
    label: Literal["box", "mask", "soft"] = Field(
        default="mask", description="label of generated anomalies"
    )
    procedural: tuple[str, ...] = Field(
        default=("draem",), description="draem, cutpaste, croppaste (of the support shots)"
    )
    textures: str | None = Field(
        default=None, description="folder of texture images for draem; null uses the image itself"
    )

    @field_validator("arms")
    @classmethod
    def _known(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        known = (PROCEDURAL, GENERATED, BOTH)
        for arm in arms:
            if arm not in known:
                raise ValueError(f"unknown arm {arm!r}; known are: {', '.join(known)}")
        return arms


class EvaluationSettings(_Part):
    """How detectors are judged."""

    include_support: bool = Field(
        default=False, description="keep the shots in the test set, as the released code does"
    )
    ground_truth: Literal["half", "full"] = Field(
        default="half", description="shrunken masks count from one half, or only where full"
    )


class RunSettings(_Part):
    """Everything that a run depends on."""

    preset: Literal["quick", "best", "paper", "official"] = Field(
        default="quick", description="where values that were not given come from"
    )
    seed: int = Field(default=0, ge=0, description="of everything random in the run")
    dataset: DatasetSettings
    support: SupportSettings = SupportSettings()
    prior: str = Field(default="embedded", description="embedded, or a .safetensors file")
    concept: ConceptSettings = ConceptSettings()
    placement: PlacementSettings = PlacementSettings()
    synthesis: SynthesisSettings = SynthesisSettings()
    bank: BankSettings = BankSettings()
    training: TrainingSettings = TrainingSettings()
    detectors: dict[str, SerializeAsAny[DetectorSettings]] = Field(
        default_factory=dict, description="settings of each detector that is trained"
    )
    evaluation: EvaluationSettings = EvaluationSettings()


def resolve(
    preset_name: str, given: dict[str, Any], *, overrides: tuple[str, ...] = ()
) -> RunSettings:
    """The settings of a preset, with values from the command line over them.

    Args:
        preset_name: one of :data:`PRESETS`.
        given: nested values that replace the preset's.
        overrides: ``stage.option=value`` each; the value is read as YAML.

    Raises:
        InputError: for an unknown preset or key, or a bad value.
    """
    if preset_name not in PRESETS:
        raise InputError(f"unknown preset {preset_name!r}; known are: {', '.join(PRESETS)}.")
    text = resources.files("anogen.study").joinpath("presets", f"{preset_name}.yaml").read_text()
    tree: dict[str, Any] = yaml.safe_load(text) or {}
    tree["preset"] = preset_name
    _merge(tree, given)
    for override in overrides:
        _merge(tree, _parsed(override))
    return from_tree(tree)


def from_tree(tree: dict[str, Any]) -> RunSettings:
    """Settings from plain values, detectors filled up from the preset.

    Raises:
        InputError: for an unknown key or a bad value.
    """
    tree = dict(tree)
    detectors = dict(tree.pop("detectors", None) or {})
    try:
        settings = RunSettings.model_validate(tree)
    except ValidationError as error:
        raise InputError(_sentence(error)) from error
    names = settings.training.detectors
    for name in detectors:
        if name not in names:
            raise InputError(
                f"settings for the detector {name!r}, which is not among training.detectors "
                f"({', '.join(names)}); add it there or drop its settings."
            )
    resolved = {
        name: settings_from(
            preset(name, settings.preset).model_dump() | detectors.get(name, {}),
            source="settings",
        )
        for name in names
    }
    return settings.model_copy(update={"detectors": resolved})


def _merge(tree: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


def _parsed(override: str) -> dict[str, Any]:
    name, sign, text = override.partition("=")
    if not sign or not name:
        raise InputError(f"--set {override}: write it as stage.option=value.")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: the value is no valid YAML.") from error
    for key in reversed(name.split(".")):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"setting {place}: there is no such setting; see 'anogen config show'."
    return f"setting {place}: {first['msg']}."
