"""Choosing one of the detectors that a run has trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anogen.detection.contract import detectors
from anogen.detection.saved import MODEL
from anogen.errors import InputError
from anogen.study.arms import with_generated
from anogen.study.results import read_results


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
        arm: one that trained on this; by default, where several arms are left, the only one of
            them that trained on drawn defects.
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
    drawn = [one for one in found if with_generated(one.arm)]
    if len({one.arm for one in drawn}) == 1:
        found = drawn
    open_ = [
        f"--{name} ({_named(found, name)})"
        for name in ("category", "detector", "arm")
        if len({getattr(one, name) for one in found}) > 1
    ]
    if open_:
        raise InputError(f"{path}: has several detectors; choose one with {' and '.join(open_)}.")
    return found[0].path


def threshold_of(file: Path) -> float | None:
    """The image score of the highest F1 on the held-out images of a detector's run.

    Scores from it on up are defective ones. None where the run says none: it was not evaluated, has
    no defective images to measure on, or the file lies in no run.

    Args:
        file: weights of a detector, as :func:`model_of` finds them.

    Raises:
        InputError: if the run's results are damaged.
    """
    folder = file.resolve().parent
    results = folder.parents[2] / "results.json" if len(folder.parents) > 2 else None
    if results is None or not results.is_file():
        return None
    inner = folder.relative_to(results.parent).as_posix()
    return next(
        (run.image.threshold for run in read_results(results).runs if run.folder == inner), None
    )


def _named(found: list[Trained], name: str) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(getattr(one, name) for one in found))


def _trained(run: Path) -> Iterator[Trained]:
    for path in run.glob(f"detectors/*/*/{MODEL}"):
        # "draem-procedural+generated-0": neither detectors nor arms have a hyphen.
        detector, _, rest = path.parent.name.partition("-")
        arm, _, seed = rest.rpartition("-")
        if detector in detectors and seed.isdecimal():
            yield Trained(path, path.parent.parent.name, detector, arm, int(seed))
