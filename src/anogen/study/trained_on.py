"""On which images a detector was trained, so that no number belongs to others.

The good images, shots and drawings of a training are noted by their names in ``images.json`` before
it begins, with the reviewer's words on the drawings and a hash of the weights it starts from. Where
any of them are others now, the detector (or classifier) is trained again. Images that change under
their names are not seen, and what versions without a note have trained stays, unless its bank is
reviewed.
"""

import hashlib
import json
from pathlib import Path

from anogen.bank.bank import Bank
from anogen.data.sample import Category, SupportSet
from anogen.detection.start import start_fingerprint
from anogen.errors import InputError
from anogen.files import write_json
from anogen.study.arms import procedures_of, with_generated
from anogen.study.reviewed import digest_of
from anogen.study.run_folder import RunFolder

NOTE = "images.json"

REVIEW = "review"
"""The kind that tells what a reviewer changed; empty for nothing."""

PASTES = "croppaste"
"""The procedure that knows the shots."""


def images_of(
    run: RunFolder, category: Category, support: SupportSet, detector: str, arm: str
) -> dict[str, str]:
    """What a training of a detector on an arm would be made of now, as hashes by kind."""
    found = {}
    if detector in run.settings.detectors:  # a classifier knows the bank alone
        found["good"] = _digest([sample.key for sample in category.train])
        found["start"] = start_fingerprint(run.settings.detectors[detector])
    if PASTES in procedures_of(arm, run.settings.training.procedural):
        shots = [f"{defect}/{s.key}" for defect, own in support.shots.items() for s in own]
        found["shots"] = _digest(sorted(shots))
    if with_generated(arm):
        found["drawn"] = _digest([entry.id for entry in Bank(run.bank(category.name)).accepted()])
        found[REVIEW] = digest_of(run, category.name, arm)
    return found


def others(folder: Path, images: dict[str, str]) -> list[str]:
    """Kinds of images on which the detector in a folder was trained that are others now.

    Raises:
        InputError: if the note is damaged.
    """
    try:
        noted: dict[str, str] = json.loads((folder / NOTE).read_text())
        return sorted(kind for kind, digest in images.items() if noted[kind] != digest)
    except FileNotFoundError:
        return [REVIEW] if images.get(REVIEW) else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / NOTE}: damaged; delete the folder {folder} to train again."
        ) from error


def note(folder: Path, images: dict[str, str], *, stale: tuple[str, ...]) -> None:
    """Note the images; remove the files ``stale``, in this order, if others were noted.

    Stopped at any point, the same call does the rest: the old note goes last.
    """
    if others(folder, images):
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    elif (folder / NOTE).exists():
        return
    write_json(folder / NOTE, images)


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:16]
