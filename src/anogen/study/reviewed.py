"""Which reviewer's words a detector was trained under, so that no number belongs to another bank.

A detector of an arm with generated images is bound to the digest of what reviews changed about its
bank (:meth:`Bank.review_digest <anogen.bank.bank.Bank.review_digest>`): noted in ``bank.json``
before its training begins, and as ``review`` in ``results.json``. No note means a bank as it was
drawn. Words that agree with the gate change nothing; after any other word such detectors, finished
or half trained, are trained again. Procedural arms know no bank and stay.
"""

import json
from pathlib import Path

from anogen.bank.bank import Bank
from anogen.errors import InputError
from anogen.files import write_json
from anogen.study.arms import with_generated
from anogen.study.results import Results
from anogen.study.run_folder import RunFolder

NOTE = "bank.json"


def digest_of(run: RunFolder, category: str, arm: str) -> str:
    """The digest that a detector of ``arm`` is to be trained under; empty for no review."""
    return Bank(run.bank(category)).review_digest() if with_generated(arm) else ""


def noted(detector: Path) -> str:
    """The digest under which the detector in this folder was trained, or began to be.

    Raises:
        InputError: if the note is damaged.
    """
    try:
        digest = json.loads((detector / NOTE).read_text())["review"]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{detector / NOTE}: damaged; delete the folder {detector} to train again."
        ) from error
    return str(digest)


def bind(detector: Path, digest: str, *, stale: tuple[str, ...]) -> None:
    """Note the digest; remove the files ``stale``, in this order, if another one was noted.

    Stopped at any point, the same call does the rest: the old note goes last.
    """
    if noted(detector) == digest:
        return
    for name in stale:
        (detector / name).unlink(missing_ok=True)
    if digest:
        write_json(detector / NOTE, {"review": digest})
    else:
        (detector / NOTE).unlink(missing_ok=True)


def reviewed_since(path: Path, results: Results) -> list[str]:
    """Categories whose banks were reviewed after some of these results; ``path`` is the run's."""
    digests = {
        category: Bank(path / "bank" / category).review_digest()
        for category in {run.category for run in results.runs}
    }
    return sorted(
        {
            run.category
            for run in results.runs
            if with_generated(run.arm) and (run.review or "") != digests[run.category]
        }
    )
