"""What a report takes from ``config.yaml``: the dataset, the command, the versions."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from anogen.data.dataset import scan
from anogen.errors import InputError
from anogen.study.results import Results


def read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of a run.")
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no valid YAML; restore it or run again.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: holds no settings; restore it or run again.")
    return config


def dataset_root(config: Mapping[str, Any]) -> Path | None:
    dataset = config.get("dataset")
    root = dataset.get("root") if isinstance(dataset, dict) else None
    return Path(str(root)) if root is not None else None


def masks_of(root: Path | None, config: Mapping[str, Any]) -> dict[str, Path]:
    """Masks of the dataset by key; none where the dataset is gone or has changed."""
    if root is None:
        return {}
    try:
        categories, _ = scan(root, layout=config["dataset"].get("layout"))
    except InputError:
        return {}
    samples = (sample for category in categories for sample in category.test)
    return {sample.key: sample.mask for sample in samples if sample.mask is not None}


def command_of(config: Mapping[str, Any]) -> str:
    command = config.get("command")
    if isinstance(command, list):
        return shlex.join(str(part) for part in command)
    return str(command or "")


def versions_of(config: Mapping[str, Any], results: Results) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    stated = config.get("versions")
    if isinstance(stated, dict):
        found |= {str(name): str(version) for name, version in stated.items()}
    for run in results.runs:
        found |= run.versions
    return sorted(found.items())
