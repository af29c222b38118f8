"""The folder of a run: where every stage reads and writes, and the settings that bind it."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from anogen import __version__
from anogen.errors import InputError
from anogen.files import write_text
from anogen.study.settings import RunSettings, from_tree

LIBRARIES = ("torch", "numpy", "opencv-python-headless", "diffusers", "scipy", "pillow")


def versions() -> dict[str, str]:
    """Versions of the package and of the libraries that results depend on."""
    found = {"anogen": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        found[name] = metadata.version(name)
    return found


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run, and its settings."""

    path: Path
    settings: RunSettings

    @property
    def results(self) -> Path:
        """``results.json``."""
        return self.path / "results.json"

    def concept(self, category: str, defect: str) -> Path:
        """A concept's file."""
        return self.path / "concepts" / category / f"{defect}.safetensors"

    def bank(self, category: str) -> Path:
        """A category's bank."""
        return self.path / "bank" / category

    def detector(self, category: str, detector: str, arm: str, seed: int) -> Path:
        """The folder of one trained detector."""
        return self.path / "detectors" / category / f"{detector}-{arm}-{seed}"

    def relative(self, path: Path) -> str:
        """A path relative to the run, with ``/``."""
        return path.relative_to(self.path).as_posix()

    def settings_hash(self, *parts: str) -> str:
        """Hex hash (16 digits) of the named parts of the settings, all of them if none."""
        tree = self.settings.model_dump(mode="json")
        kept = {name: tree[name] for name in (parts or sorted(tree))}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def create(path: Path, settings: RunSettings, *, command: list[str]) -> RunFolder:
    """Start a run in ``path``, or take up the one that is there with the same settings.

    Raises:
        InputError: if the folder holds a run with other settings, or something else.
    """
    config = path / "config.yaml"
    if config.exists():
        existing = open_run(path)
        changed = _differences(
            existing.settings.model_dump(mode="json"), settings.model_dump(mode="json")
        )
        if changed:
            raise InputError(
                f"{path}: holds a run with other settings ({'; '.join(changed[:4])}); give another "
                "--out, or delete that folder to start again."
            )
        return existing
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: is no run and not empty; give another --out.")
    tree = settings.model_dump(mode="json")
    tree["command"] = command
    tree["versions"] = versions()
    write_text(config, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    return RunFolder(path, settings)


def open_run(path: Path) -> RunFolder:
    """An existing run.

    Raises:
        InputError: if there is none, or its settings cannot be read.
    """
    config = path / "config.yaml"
    if not config.is_file():
        raise InputError(f"{path}: holds no run (no config.yaml); start one with 'anogen run'.")
    try:
        tree: Any = yaml.safe_load(config.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{config}: no valid YAML; restore it or start another run.") from error
    if not isinstance(tree, dict):
        raise InputError(f"{config}: holds no settings; restore it or start another run.")
    for name in ("command", "versions"):
        tree.pop(name, None)
    return RunFolder(path, from_tree(tree))


def _differences(old: Any, new: Any, place: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            found += _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)
        return found
    return [] if old == new else [f"{place}: {old} there, {new} now"]
