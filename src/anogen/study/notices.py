"""What checking a dataset found that stops nothing, kept beside a run or study for its report."""

from collections.abc import Sequence
from pathlib import Path

from anogen.files import write_text

NOTICES = "notices.txt"


def keep_notices(folder: Path, notices: Sequence[str]) -> None:
    """Add to the folder's ``notices.txt``: a study that goes on checks what it has not yet done."""
    kept = list(dict.fromkeys([*kept_notices(folder), *notices]))
    if kept:
        write_text(folder / NOTICES, "".join(f"{notice}\n" for notice in kept))


def kept_notices(folder: Path) -> list[str]:
    """The notices of a run or study; empty where none were kept."""
    try:
        return (folder / NOTICES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
