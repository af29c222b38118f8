"""Choosing one of the detectors that a run has trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anogen.detection.contract import detectors
from anogen.detection.saved import MODEL
from anogen.errors import InputError


@dataclass(frozen=True)
class Trained:
    """A trained detector, by what its folder is called."""

    path: Path
    category: str
    detector: str
    arm: str
    seed: int


def model_of(
    path: Path,
    *,
    category: str | None = None,
    detector: str | None = None,
    arm: str | None = None,
    seed: int | None = None,
) -> Path:
    """The weights of one detector.

    Args:
        path: a run's folder, a detector's folder in it, or a file of weights.
        category: of the run's detectors, one of this category.
        detector: one of this name.
        arm: one that trained on this.
        seed: the one of this number; by default the lowest of those that the others leave.

    Raises:
        InputError: if there is none, or the options leave several; the sentence names them.
    """
    chosen = {"category": category, "detector": detector, "arm": arm, "seed": seed}
    given = {name: value for name, value in chosen.items() if value is not None}
    file = path / MODEL if path.is_dir() else path
    if file.is_file():
        if given:
            raise InputError(
                f"{path}: is one detector already; leave --{' and --'.join(given)} away."
            )
        return file
    found = sorted(_trained(path), key=lambda one: (one.category, one.detector, one.arm, one.seed))
    if not found:
        raise InputError(
            f"{path}: holds no trained detector; give the folder of a run, or a {MODEL}."
        )
    for name, value in given.items():
        known = _named(found, name)
        found = [one for one in found if getattr(one, name) == value]
        if not found:
            raise InputError(f"{path}: no detector with --{name} {value}; there are: {known}.")
    open_ = [
        f"--{name} ({_named(found, name)})"
        for name in ("category", "detector", "arm")
        if len({getattr(one, name) for one in found}) > 1
    ]
    if open_:
        raise InputError(f"{path}: has several detectors; choose one with {' and '.join(open_)}.")
    return found[0].path


def _named(found: list[Trained], name: str) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(getattr(one, name) for one in found))


def _trained(run: Path) -> Iterator[Trained]:
    for path in run.glob(f"detectors/*/*/{MODEL}"):
        # "draem-procedural+generated-0": neither detectors nor arms have a hyphen.
        detector, _, rest = path.parent.name.partition("-")
        arm, _, seed = rest.rpartition("-")
        if detector in detectors and seed.isdecimal():
            yield Trained(path, path.parent.parent.name, detector, arm, int(seed))
