"""A study's file: which arms are compared, on what, and what each of them sets."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from anogen.errors import InputError
from anogen.study.arms import PROCEDURES, checked_arm
from anogen.study.results import GENERATED
from anogen.study.settings import DatasetSettings, Detectors, Names, PresetName, merge

STUDIES = "studies"
"""Folder of the ready-made studies in this package."""

Tree = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _nested(value: Any) -> Any:
    """Dotted names (``support.shots: 1``) as a tree; trees stay as they are."""
    if not isinstance(value, dict):
        return value
    tree: Tree = {}
    for name, below in value.items():
        branch: Any = _nested(below)
        for key in reversed(str(name).split(".")):
            if not key:
                raise ValueError(f"{name}: write settings as stage.option: value")
            branch = {key: branch}
        merge(tree, branch)
    return tree


Settings = Annotated[Tree, BeforeValidator(_nested)]


class Arm(_Part):
    """One row of the study's tables."""

    name: str = Field(min_length=1, description="what the tables call it")
    sources: Names = Field(description="draem, cutpaste, croppaste, generated, or several of them")
    settings: Settings = Field(default={}, description="what this arm sets differently")
    detectors: Detectors | None = Field(
        default=None, description="in whose tables it stands; null: in those of all"
    )

    def stands(self, detector: str) -> bool:
        """Whether the arm is a row of a detector's tables."""
        return self.detectors is None or detector in self.detectors


class Grid(_Part):
    """Arms that differ in one setting."""

    setting: str = Field(min_length=1, description="stage.option")
    values: list[Any] = Field(min_length=1, description="its values, one arm each")
    sources: Names = Field(description="draem, cutpaste, croppaste, generated, or several of them")
    name: str = Field(default="{value}", description="name of an arm; {value} is its value")

    def arms(self) -> tuple[Arm, ...]:
        """The grid's arms."""
        return tuple(
            Arm(
                name=self.name.replace("{value}", str(value)),
                sources=self.sources,
                settings={self.setting: value},
            )
            for value in self.values
        )


class Study(_Part):
    """What a study's file says."""

    title: str = Field(min_length=1, description="heading of the tables")
    note: str = Field(default="", description="what the study asks; shown below the heading")
    datasets: tuple[DatasetSettings, ...] = Field(
        default=(), description="as the setting dataset; paths are relative to the working folder"
    )
    preset: PresetName = Field(
        default="quick", description="where values that are not given come from"
    )
    settings: Settings = Field(default={}, description="settings of all arms, over the preset")
    detectors: Detectors = Field(default=("draem",), description="draem, unet, destseg")
    seeds: int | None = Field(
        default=None, ge=1, description="trainings of each arm; null takes the preset's"
    )
    arms: tuple[Arm, ...] = Field(default=(), description="the rows of the tables")
    grid: Grid | None = Field(default=None, description="more rows, which differ in one setting")
    base: str = Field(description="the arm that the others are compared with")
    absent: tuple[str, ...] = Field(
        default=(),
        description="rows of the paper's table that the project has no counterpart of; they stay "
        "empty",
    )

    @property
    def rows(self) -> tuple[Arm, ...]:
        """The arms, those of the grid last."""
        return (*self.arms, *(self.grid.arms() if self.grid is not None else ()))


# What the study says elsewhere, by setting.
_ELSEWHERE = {
    "dataset": "datasets",
    "preset": "preset",
    "training.arms": "sources",
    "training.procedural": "sources",
    "training.detectors": "detectors",
    "training.seeds": "seeds",
}


def ready_made() -> dict[str, str]:
    """Names and titles of the ready-made studies."""
    folder = resources.files("anogen.study").joinpath(STUDIES)
    names = sorted(
        file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")
    )
    return {name: read_study(name).title for name in names}


def read_study(name: str) -> Study:
    """A study from a YAML file, or a ready-made one by its name.

    Raises:
        InputError: if there is none, or with one sentence a line for all that is wrong in it.
    """
    file = Path(name).expanduser()
    packaged = resources.files("anogen.study").joinpath(STUDIES, f"{name}.yaml")
    try:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
        elif file.name == name and packaged.is_file():
            text = packaged.read_text(encoding="utf-8")
        else:
            raise InputError(
                f"{name}: no such file, and no ready-made study of that name; "
                "'anogen study --list' names those."
            )
        tree = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{name}: not readable as YAML; correct the file.") from error
    if not isinstance(tree, dict):
        raise InputError(f"{name}: holds no study; it needs at least title, arms and base.")
    return checked_study(tree, name)


def checked_study(tree: Tree, name: str) -> Study:
    """A study from plain values; ``name`` is what messages call their source.

    Raises:
        InputError: with one sentence a line for all that is wrong.
    """
    try:
        study = Study.model_validate(tree)
    except ValidationError as error:
        raise InputError(
            "\n".join(f"{name}: {_sentence(found)}" for found in error.errors())
        ) from error
    _check(study, name)
    return study


def refuse_elsewhere(tree: Tree, where: str) -> None:
    """Refuse settings that a study names in another place.

    Raises:
        InputError: naming the setting and that place.
    """
    for setting, place in _ELSEWHERE.items():
        stage, _, option = setting.partition(".")
        below = tree.get(stage)
        if stage in tree and (not option or (isinstance(below, dict) and option in below)):
            raise InputError(f"{where}: setting {setting}: a study says this under {place!r}.")


def arm_of(sources: tuple[str, ...]) -> str:
    """The arm of a run (``draem+generated``) that trains on these sources.

    Raises:
        ValueError: for unknown or doubled sources.
    """
    known = (*PROCEDURES, GENERATED)
    parts = [part for source in sources for part in source.split("+")]
    for part in parts:
        if part not in known:
            raise ValueError(f"unknown source {part!r}; known are: {', '.join(known)}")
    return checked_arm("+".join(sorted(parts, key=known.index)))


def _check(study: Study, name: str) -> None:
    """What the parts of a study must be to each other."""
    names = [arm.name for arm in study.rows]
    if not names:
        raise InputError(f"{name}: names no arms; give 'arms' or 'grid'.")
    doubled = sorted({arm for arm in names if names.count(arm) > 1})
    if doubled:
        raise InputError(f"{name}: two arms are called {doubled[0]!r}; name them apart.")
    if study.base not in names:
        raise InputError(
            f"{name}: base {study.base!r} is none of the arms; they are: {', '.join(names)}."
        )
    for arm in study.rows:
        if arm.name == study.base and not all(map(arm.stands, study.detectors)):
            raise InputError(
                f"{name}: base {study.base!r} does not stand in the tables of all detectors; drop "
                "its detectors."
            )
    refuse_elsewhere(study.settings, name)
    for arm in study.rows:
        try:
            arm_of(arm.sources)
        except ValueError as error:
            raise InputError(f"{name}, arm {arm.name!r}: {error}.") from error
        refuse_elsewhere(arm.settings, f"{name}, arm {arm.name!r}")
    known = [Path(dataset.root).expanduser().resolve().name for dataset in study.datasets]
    for dataset in known:
        if known.count(dataset) > 1:
            raise InputError(
                f"{name}: two datasets are called {dataset!r}; name the categories of one dataset "
                "in one place, or rename a folder."
            )


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{place}: {error['msg'].removeprefix('Value error, ')}."
    models: dict[Any, type[BaseModel]] = {"arms": Arm, "grid": Grid, "datasets": DatasetSettings}
    model = models.get(error["loc"][0], Study) if len(error["loc"]) > 1 else Study
    return f"{place}: there is no such key; known are: {', '.join(model.model_fields)}."
