"""The folder of a run: where every stage reads and writes, and the settings that bind it."""

import fcntl
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from anogen import __version__
from anogen.detection.start import start_fingerprint
from anogen.errors import InputError
from anogen.files import sweep, write_text
from anogen.prior.stored import stored_fingerprint
from anogen.study.arms import procedures_of, with_generated
from anogen.study.settings import RunSettings, from_tree

LIBRARIES = ("torch", "numpy", "opencv-python-headless", "diffusers", "scipy", "pillow")
CONFIG = "config.yaml"

_WEIGHTS = "weights"
"""Key of the configuration: what identifies the weights of the prior that the run began with."""

_SHOWN = 4
"""Differences of settings that fit into a sentence."""


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
    def config(self) -> Path:
        """``config.yaml``: resolved settings, the command, versions."""
        return self.path / CONFIG

    @property
    def results(self) -> Path:
        """``results.json``."""
        return self.path / "results.json"

    def adapted_prior(self, category: str) -> Path:
        """The prior fitted to a category."""
        return self.path / "priors" / category / "fitted.safetensors"

    def joint_prior(self, category: str) -> Path:
        """The prior that a category's concepts changed as they were learned."""
        return self.path / "priors" / category / "joint.safetensors"

    def concepts(self, category: str) -> Path:
        """The folder of a category's concepts."""
        return self.path / "concepts" / category

    def concept(self, category: str, defect: str) -> Path:
        """A concept's file."""
        return self.concepts(category) / f"{defect}.safetensors"

    def preview(self, category: str, defect: str, step: int) -> Path:
        """A picture of what a concept meant after so many steps of learning."""
        return self.path / "concepts" / category / "previews" / f"{defect}-{step:06d}.png"

    def mask_embedding(self, category: str, defect: str) -> Path:
        """A defect's mask embedding, with ``masks.source=learned``."""
        return self.concepts(category) / "masks" / f"{defect}.safetensors"

    def masks(self, category: str, defect: str) -> Path:
        """The masks that were sampled with it."""
        return self.path / "masks" / category / f"{defect}.npz"

    def bank(self, category: str) -> Path:
        """A category's bank."""
        return self.path / "bank" / category

    def detector(self, category: str, detector: str, arm: str, seed: int) -> Path:
        """The folder of one trained detector."""
        return self.path / "detectors" / category / f"{detector}-{arm}-{seed}"

    def relative(self, path: Path) -> str:
        """A path relative to the run, with ``/``."""
        return path.relative_to(self.path).as_posix()

    def weights(self) -> str:
        """What identifies the prior's weights: as noted when the run began, or as they are now."""
        noted = _read(self.config).get(_WEIGHTS) if self.config.exists() else None
        return noted or stored_fingerprint(self.settings.prior)

    def check_weights(self) -> None:
        """Refuse to go on with another prior under the same name, such as a newer package's.

        Raises:
            InputError: if the weights are not those that the run began with.
        """
        name = self.settings.prior
        before, now = self.weights(), stored_fingerprint(name)
        # Where there is nothing under the name, loading it says so.
        if now not in (before, name):
            raise InputError(
                f"{self.path}: begun with other weights of the prior {name} ({before} there, {now} "
                f"now); bring those back ({CONFIG} names the version of anogen), or start another "
                "run."
            )

    def settings_hash(self, detector: str, arm: str) -> str:
        """Hex hash (16 digits) of what a detector of an arm, and its numbers, depend on.

        Where the dataset lies is left out, and so are other detectors, other arms, and how many
        seeds there are; how defects are learned and drawn counts where they are trained on, and
        so do the weights of the prior, whatever its name.
        """
        tree = self.settings.model_dump(mode="json")
        training = tree["training"]
        kept = {
            "seed": tree["seed"],
            "defects": tree["dataset"]["defects"],
            "support": tree["support"],
            "detector": tree["detectors"][detector]
            | {"start": start_fingerprint(self.settings.detectors[detector])},
            "evaluation": {
                name: tree["evaluation"][name] for name in ("include_support", "ground_truth")
            },
        }
        procedures = procedures_of(arm, self.settings.training.procedural)
        if procedures:
            kept |= {"procedural": list(procedures), "textures": training["textures"]}
            if training["procedural_on"] == "object":
                kept |= {"on": tree["placement"]["foreground"]}
        if with_generated(arm):
            kept |= {"label": training["label"], "prior": self.weights()}
            if tree["prior_image_size"] is not None:
                kept |= {"prior_image_size": tree["prior_image_size"]}
            kept |= {
                name: tree[name]
                for name in (
                    "method",
                    "adapt",
                    "concept",
                    "masks",
                    "placement",
                    "synthesis",
                    "bank",
                )
            }
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

    def write_config(self, *, command: list[str]) -> None:
        """Write ``config.yaml``, or only the dataset's new place if there is one already."""
        tree: dict[str, Any] = {}
        if self.config.exists():
            tree = _read(self.config)
            if tree["dataset"]["root"] == self.settings.dataset.root:
                return
            tree["dataset"]["root"] = self.settings.dataset.root
        else:
            tree = self.settings.model_dump(mode="json")
            tree[_WEIGHTS] = stored_fingerprint(self.settings.prior)
            tree["command"] = command
            tree["versions"] = versions()
        write_text(self.config, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


@contextmanager
def at_work(path: Path) -> Iterator[None]:
    """Hold the folder of a run: one process at a time, half-written files of killed ones removed.

    The folder is made where it is missing, and removed again where nothing came of it.

    Raises:
        InputError: if the folder cannot be made or written to, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"{path}: no folder can be made there ({error.strerror}); name another one."
        ) from error
    try:
        if not os.access(path, os.W_OK):
            raise InputError(f"{path}: not writable; allow writing to it or name another folder.")
        try:
            # On the folder itself, so that no file is left over; a kill sets it free.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{path}: another anogen is working there; wait until it has finished, or name "
                "another folder."
            ) from error
        except OSError:
            pass  # a file system without locks
        _sweep(path)
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            path.rmdir()  # succeeds on an empty folder only


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder within a run, made where it is missing; waits while another process has it.

    What killed writes have left there is removed: the process waited for may have been a killed one
    at its end, whose last write nobody saw when the run was taken up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        sweep(folder)
        yield
    finally:
        os.close(handle)


def claim(path: Path, settings: RunSettings) -> RunFolder:
    """A run in ``path`` with these settings, new or to be taken up; nothing is written.

    A run whose dataset is gone from its place takes the new place.

    Raises:
        InputError: if the folder holds a run with other settings or with other weights of its
            prior, or something else.
    """
    run = RunFolder(path, settings)
    if not run.config.exists():
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path}: is no run and not empty; give another --out.")
        return run
    before = open_run(path).settings
    changed = _differences(before.model_dump(mode="json"), settings.model_dump(mode="json"))
    if not Path(before.dataset.root).is_dir():
        changed.pop("dataset.root", None)
    if changed:
        shown = [f"{name}: {old} there, {new} now" for name, (old, new) in changed.items()]
        more = f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        raise InputError(
            f"{path}: holds a run with other settings ({'; '.join(shown[:_SHOWN])}{more}); give "
            "another --out, or delete that folder to start again."
        )
    run.check_weights()
    return run


def open_run(path: Path) -> RunFolder:
    """An existing run.

    Raises:
        InputError: if there is none, or its settings cannot be read.
    """
    config = path / CONFIG
    if not config.is_file():
        raise InputError(f"{path}: holds no run (no {CONFIG}); start one with 'anogen run'.")
    tree = _read(config)
    for name in (_WEIGHTS, "command", "versions"):
        tree.pop(name, None)
    try:
        return RunFolder(path, from_tree(tree))
    except InputError as error:
        lines = str(error).splitlines()
        raise InputError("\n".join(f"{config}: {line}" for line in lines)) from error


def _read(config: Path) -> dict[str, Any]:
    try:
        tree: Any = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"{config}: not readable as YAML; restore it or start another run."
        ) from error
    if not isinstance(tree, dict) or not isinstance(tree.get("dataset"), dict):
        raise InputError(f"{config}: holds no settings; restore it or start another run.")
    return tree


def _sweep(path: Path) -> None:
    """Remove temporary files of killed writes; in a folder that is no run, only the config's."""
    if (path / CONFIG).exists():
        sweep(path)
        return
    for leftover in path.glob(f".{CONFIG}.*.tmp"):
        leftover.unlink()


def _differences(old: Any, new: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in sorted({*old, *new}):
            found |= _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)
        return found
    return {} if old == new else {place: (old, new)}
