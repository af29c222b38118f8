"""What checking a dataset found that stops nothing, kept beside a run or study for its report."""

from collections.abc import Sequence
from pathlib import Path

from anogen.files import write_text

NOTICES = "notices.txt"


def keep_notices(folder: Path, notices: Sequence[str]) -> None:
    """Write the folder's ``notices.txt`` anew, each sentence once; without any it goes."""
    # A file's name may be no UTF-8.
    kept = dict.fromkeys(notice.encode(errors="replace").decode() for notice in notices)
    if kept:
        write_text(folder / NOTICES, "".join(f"{notice}\n" for notice in kept))
    else:
        (folder / NOTICES).unlink(missing_ok=True)


def kept_notices(folder: Path) -> list[str]:
    """The notices of a run or study; empty where none were kept."""
    try:
        return (folder / NOTICES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
