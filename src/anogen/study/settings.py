"""The settings of a whole run: every stage's own, and what joins them."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
)

from anogen.concept.settings import ConceptSettings, MaskSettings
from anogen.data.support import Split
from anogen.detection.contract import detectors as known_detectors
from anogen.detection.settings import ClassifierSettings, DetectorSettings, preset, settings_from
from anogen.errors import InputError
from anogen.placement.settings import PlacementSettings
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.study.arms import PROCEDURES, checked_arm, with_generated
from anogen.study.protocol import GroundTruth
from anogen.study.results import BOTH, PROCEDURAL
from anogen.study.unheard import refuse_unheard
from anogen.synthesis.settings import SynthesisSettings

PresetName = Literal["quick", "best", "paper", "official"]
PRESETS: tuple[str, ...] = get_args(PresetName)

Method = Literal["anogen", "anomalydiffusion"]


def _one_or_more(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def _among(kind: str, known: Iterable[str]) -> AfterValidator:
    """Refuses unknown and doubled names."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        for position, name in enumerate(names):
            if name not in known:
                raise ValueError(f"unknown {kind} {name!r}; known are: {', '.join(known)}")
            if name in names[:position]:
                raise ValueError(f"{name} is named twice")
        return names

    return AfterValidator(check)


def _arms(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses arms that do not exist or are named twice."""
    for position, name in enumerate(names):
        checked_arm(name)
        if name in names[:position]:
            raise ValueError(f"{name} is named twice")
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
Detectors = Annotated[Names, _among("detector", tuple(known_detectors))]
Arms = Annotated[Names, AfterValidator(_arms)]
Procedures = Annotated[Names, _among("procedural synthesizer", PROCEDURES)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(_Part):
    """Where the images are."""

    root: str = Field(description="the dataset's folder")
    layout: Literal["mvtec", "folder"] | None = Field(
        default=None, description="how the folder is laid out; null detects it"
    )
    categories: Names | None = Field(default=None, description="null takes all")
    defects: Names | None = Field(default=None, description="null takes all")


class SupportSettings(_Part):
    """Which real defects may be learned from."""

    shots: int = Field(default=3, ge=1, description="images of each defect")
    draw: int = Field(default=0, ge=0, description="which draw of the shots (their seed)")
    listing: str | None = Field(default=None, description="file that names the shots")
    official: bool = Field(default=False, description="AnoGen's own shots, by file number")
    split: Split = Field(
        default="shots",
        description="shots; or thirds: learn from the first third of each defect's images by "
        "number, test on the rest, as AnomalyDiffusion; thirds-leaking: as its released code, "
        "which also learns from the first image of the rest",
    )


class BankSettings(_Part):
    """How many defects are drawn."""

    normals: int | None = Field(
        default=60, ge=1, description="good images drawn on for each defect; null takes all"
    )
    boxes: int = Field(default=1, ge=1, description="places on each good image")
    samples: int = Field(default=1, ge=1, description="drawings at each place")
    pairs: int | None = Field(
        default=None,
        ge=1,
        description="images of each defect in all, round by round on all good images; instead of "
        "normals, boxes and samples. AnomalyDiffusion: 1000",
    )
    candidates: int = Field(
        default=1, ge=1, description="drawings an attempt, of which the best accepted one is kept"
    )
    attempts: int = Field(
        default=3, ge=1, description="attempts until the gate accepts one; the last is kept as is"
    )
    least_change: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="mean difference on the mask that can be seen; null: as the shots have it",
    )
    smallest_area: float | None = Field(
        default=None, ge=0, description="pixels of the smallest defect; null: as the shots have it"
    )
    most_filled: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the box above which a drawing is a patch; null: as the shots have it",
    )
    least_on_object: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the mask that lies on the object; null: as the shots have it",
    )
    most_seam: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the box's rim with an unnatural step; null: as on good images",
    )
    least_distance: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="mean difference to the nearest shot; null: half of the good images' least",
    )
    least_new: float | None = Field(
        default=None,
        ge=0,
        description="difference to a shot's defect and to those drawn before, below which it is a "
        "copy; null: as warped shots have it among each other, 0 lets copies pass",
    )
    least_likeness: float | None = Field(
        default=None,
        ge=0,
        description="how much more it looks like its own type than like any other, or an only type "
        "than like anomalies of none, from 0 to 2, where 1 is as much; null: what most real "
        "defects have on other parts, 0 lets all pass",
    )


class TrainingSettings(_Part):
    """Which detectors are trained on what."""

    detectors: Detectors = Field(default=("draem",), description="draem, unet, destseg")
    arms: Arms = Field(
        default=(PROCEDURAL, BOTH),
        description="which anomalies are trained on: procedural, draem, cutpaste, croppaste, "
        "generated, or several of them joined by +",
    )
    seeds: int = Field(default=3, ge=1, description="trainings of each arm")
    label: Literal["box", "mask", "soft"] = Field(
        default="mask", description="label of generated anomalies"
    )
    procedural: Procedures = Field(
        default=("draem",), description="draem, cutpaste, croppaste (of the support shots)"
    )
    procedural_on: Literal["anywhere", "object"] = Field(
        default="anywhere",
        description="where procedural anomalies may lie; objects are found as placement.foreground "
        "says",
    )
    textures: str | None = Field(
        default=None, description="folder of texture images for draem; null uses the image itself"
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        description="of the processor, for each training, so that several are done side by side; "
        "null: torch's own choice, one training after another",
    )
    classifier: bool = Field(
        default=False,
        description="also train a classifier of the types of defects on the generated images, if "
        "an arm trains on them",
    )

    @property
    def classifies(self) -> bool:
        """Whether there are classifiers of types of defects."""
        return self.classifier and any(with_generated(arm) for arm in self.arms)


class EvaluationSettings(_Part):
    """How detectors are judged."""

    include_support: bool = Field(
        default=False, description="keep the shots in the test set, as the released code does"
    )
    ground_truth: Literal["half", "full", "official"] = Field(
        default="half",
        description="shrunken masks count from one half, or only where full; official: half for "
        "destseg, full for others, as their released codes",
    )
    generation: bool = Field(
        default=False,
        description="also measure the generated images: Inception Score, IC-LPIPS, KID",
    )
    generation_network: str = Field(
        default="efficientnet-lite0",
        description="efficientnet-lite0, resnet18, resnet34, or a safetensors file or hub id of "
        "one of the latter; metrics of different networks cannot be compared",
    )
    generation_images: int | None = Field(
        default=200, ge=1, description="images of each defect that are looked at; null takes all"
    )

    def truth_of(self, detector: str) -> GroundTruth:
        """From where on pixels of a shrunken mask count when a detector is measured."""
        if self.ground_truth == "official":
            return "half" if detector == "destseg" else "full"
        return self.ground_truth


class RunSettings(_Part):
    """Everything that a run depends on."""

    preset: PresetName = Field(
        default="quick", description="where values that were not given come from"
    )
    method: Method = Field(
        default="anogen",
        description="whose way of learning and drawing the preset stands for: anogen, "
        "anomalydiffusion",
    )
    seed: int = Field(default=0, ge=0, description="of everything random in the run")
    dataset: DatasetSettings
    support: SupportSettings = SupportSettings()
    prior: str = Field(
        default="embedded",
        description="embedded, a .safetensors file, a diffusers folder, or a hub id",
    )
    prior_image_size: int | None = Field(
        default=None,
        ge=1,
        description="side in pixels of the images that a large prior draws; null: its own (512 of "
        "Stable Diffusion 1.x), which is all that embedded priors have",
    )
    adapt: AdaptSettings = AdaptSettings()
    concept: ConceptSettings = ConceptSettings()
    masks: MaskSettings = MaskSettings()
    placement: PlacementSettings = PlacementSettings()
    synthesis: SynthesisSettings = SynthesisSettings()
    bank: BankSettings = BankSettings()
    training: TrainingSettings = TrainingSettings()
    detectors: dict[str, SerializeAsAny[DetectorSettings]] = Field(
        default_factory=dict, description="settings of each detector that is trained"
    )
    classifier: ClassifierSettings = ClassifierSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @property
    def learns_masks(self) -> bool:
        """Whether an embedding of masks is learned, and masks are sampled with it."""
        return self.method == "anomalydiffusion" and self.masks.source == "learned"


def resolve(
    preset_name: str, given: dict[str, Any], *, overrides: tuple[str, ...] = ()
) -> RunSettings:
    """The settings of a preset, with values from the command line over them.

    The preset of a method other than AnoGen is AnoGen's with the values of
    ``presets/<method>-<preset>.yaml`` over them.

    Args:
        preset_name: one of :data:`PRESETS`.
        given: nested values that replace the preset's.
        overrides: ``stage.option=value`` each; the value is read as YAML. Paths are relative to
            the working directory.

    Raises:
        InputError: for an unknown preset or key, a bad value, or one that another makes void.
    """
    if preset_name not in PRESETS:
        raise InputError(f"unknown preset {preset_name!r}; known are: {', '.join(PRESETS)}.")
    chosen = [given, *(parsed_override(override) for override in overrides)]
    method = [part["method"] for part in chosen if "method" in part][-1:]
    tree = _preset_file(preset_name) | {"preset": preset_name}
    # Of an unknown method the settings themselves say what is wrong with it.
    if method and method[0] in get_args(Method)[1:]:
        merge(tree, _preset_file(f"{method[0]}-{preset_name}"))
    for part in chosen:
        merge(tree, part)
    settings = from_tree(tree)
    if settings.preset != preset_name:
        raise InputError("--set preset: choose the preset with --preset.")
    refuse_unheard(settings, chosen)
    return _anchored(settings)


def _preset_file(name: str) -> dict[str, Any]:
    text = resources.files("anogen.study").joinpath("presets", f"{name}.yaml").read_text()
    return yaml.safe_load(text) or {}


def from_tree(tree: dict[str, Any]) -> RunSettings:
    """Settings from plain values, detectors filled up from the preset.

    Raises:
        InputError: with one sentence a line for every unknown key and bad value.
    """
    tree = dict(tree)
    given = tree.pop("detectors", None) or {}
    try:
        settings = RunSettings.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_sentence(found) for found in error.errors())) from error
    names = settings.training.detectors
    if not isinstance(given, dict):
        raise InputError(
            "setting detectors: give settings by detector, as in detectors.draem.steps."
        )
    for name in given:
        if name not in names:
            raise InputError(
                f"setting detectors.{name}: {name} is not among training.detectors "
                f"({', '.join(names)}); add it there or drop its settings."
            )
    resolved = {name: _detector(name, settings.preset, given.get(name)) for name in names}
    return settings.model_copy(update={"detectors": resolved})


def _detector(name: str, preset_name: str, given: Any) -> DetectorSettings:
    values = preset(name, preset_name).model_dump()
    if given is not None:
        if not isinstance(given, dict) or given.get("name", name) != name:
            raise InputError(
                f"setting detectors.{name}: give settings of {name}, as in "
                f"detectors.{name}.steps; choose detectors with training.detectors."
            )
        # Steps and epochs are two ways to say one thing: naming one drops the preset's other.
        for one, other in (("steps", "epochs"), ("epochs", "steps")):
            if given.get(one) is not None and other not in given:
                values[other] = None
        merge(values, given)
    settings = settings_from(values, source="settings")
    settings.resolved(1)  # refuses neither or both of steps and epochs, before any work
    return settings


def _anchored(settings: RunSettings) -> RunSettings:
    """Paths made absolute, so that a run can be taken up from any working directory."""

    def absolute(path: str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().resolve())

    support, training = settings.support, settings.training
    prior = settings.prior
    if prior.endswith(".safetensors") or (
        prior != "embedded" and Path(prior).expanduser().is_dir()
    ):
        prior = str(absolute(prior))
    return settings.model_copy(
        update={
            "prior": prior,
            "support": support.model_copy(update={"listing": absolute(support.listing)}),
            "training": training.model_copy(update={"textures": absolute(training.textures)}),
        }
    )


def merge(tree: dict[str, Any], other: dict[str, Any]) -> None:
    """Put the nested values of ``other`` over those of ``tree``, in place."""
    for key, value in other.items():
        below = tree.get(key)
        # Values of another kind (of image score) share nothing with those before.
        if (
            isinstance(value, dict)
            and isinstance(below, dict)
            and value.get("kind", below.get("kind")) == below.get("kind")
        ):
            merge(below, value)
        else:
            tree[key] = value


def parsed_override(override: str) -> dict[str, Any]:
    """``stage.option=value`` as a nested tree; the value is read as YAML.

    Raises:
        InputError: if it is not of that form.
    """
    name, sign, text = override.partition("=")
    keys = name.strip().split(".")
    if not sign or not all(keys):
        raise InputError(f"--set {override}: write it as stage.option=value.")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: the value is no valid YAML.") from error
    for key in reversed(keys):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def _sentence(error: Any) -> str:
    """One of pydantic's errors as a sentence."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"setting {place}: {error['msg'].removeprefix('Value error, ')}."
    near = get_close_matches(str(error["loc"][-1]), _options(error["loc"][:-1]), n=1)
    advice = f"did you mean {near[0]}? See" if near else "see"
    return f"setting {place}: there is no such setting; {advice} 'anogen config show'."


def _options(place: tuple[Any, ...]) -> list[str]:
    """Names of the settings at a place of the tree."""
    model: Any = RunSettings
    for part in place:
        field = getattr(model, "model_fields", {}).get(part)
        model = None if field is None else field.annotation
    return list(getattr(model, "model_fields", {}))
