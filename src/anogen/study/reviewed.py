"""Which reviewer's words a detector was trained under, so that no number belongs to another bank.

A detector of an arm with generated images is bound to the digest of what reviews changed about its
bank (:meth:`Bank.review_digest <anogen.bank.bank.Bank.review_digest>`): noted with all else that it
is trained on (:mod:`anogen.study.trained_on`), and as ``review`` in ``results.json``. Words that
agree with the gate change nothing; after any other word such detectors, finished or half trained,
are trained again. Procedural arms know no bank and stay.
"""

from pathlib import Path

from anogen.bank.bank import Bank
from anogen.study.arms import with_generated
from anogen.study.results import Results
from anogen.study.run_folder import RunFolder


def digest_of(run: RunFolder, category: str, arm: str) -> str:
    """The digest that a detector of ``arm`` is to be trained under; empty for no review."""
    return Bank(run.bank(category)).review_digest() if with_generated(arm) else ""


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
