"""Opening a run for review."""

from pathlib import Path

from anogen.bank.bank import Bank
from anogen.errors import InputError
from anogen.files import inside
from anogen.study.cells import CELL, CELLS
from anogen.study.review.session import Sitting
from anogen.study.run_folder import RunFolder


def banks_of(run: RunFolder, categories: list[str] | None = None) -> dict[str, Bank]:
    """The banks of a run by category, sorted, or those of the named categories.

    Raises:
        InputError: if there is none, or none of a name.
    """
    folder = run.path / "bank"
    there = sorted(path.parent.name for path in folder.glob("*/manifest.jsonl"))
    if not there:
        raise InputError(
            f"{run.path}: nothing is drawn yet; run 'anogen generate {run.path}' first."
        )
    unknown = [name for name in dict.fromkeys(categories or ()) if name not in there]
    if unknown:
        raise InputError(
            f"{folder}: no bank of {', '.join(unknown)}; there are: {', '.join(there)}."
        )
    return {
        name: Bank(inside(run.path, f"bank/{name}"))
        for name in there
        if not categories or name in categories
    }


def sitting_of(run: RunFolder) -> Sitting:
    """A sitting on all banks of a run.

    Raises:
        InputError: if there are none, or the run is a cell of a study: its cells share banks, and
            a word in one of them would make its arms differ in more than they are meant to.
    """
    path = run.path.resolve()
    if path.parent.name == CELLS and CELL.fullmatch(path.name):
        raise InputError(
            f"{run.path}: is a cell of a study, whose arms are compared on banks as they were "
            "drawn; review a run of 'anogen run' instead."
        )
    return Sitting(banks_of(run), Path(run.settings.dataset.root))
