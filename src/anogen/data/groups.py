"""Which images show one physical part, from a table beside them."""

import csv
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from anogen.data.findings import Findings

TABLES = ("groups.tsv", "groups.csv", "PROVENANCE.tsv")
"""Names of the tables that are looked for, at the dataset's root and in a category's folder."""


def read_groups(root: Path, folder: Path, *, alone: bool, findings: Findings) -> dict[str, str]:
    """Group of each image by key (path relative to ``root``), from the tables that are there.

    A table has a heading with a column ``file`` and one whose name ends in ``group``. Paths are
    relative to the table's folder; in a table at the root they may leave out the category's
    folder if the category is ``alone`` there. Empty cells say nothing. A ``PROVENANCE.tsv``
    without these columns is something else and is passed over; a ``groups`` table without them
    is a problem, and so is one of which no file is there.
    """
    groups: dict[str, str] = {}
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    for place in dict.fromkeys((root, folder)):
        for name in TABLES:
            table = place / name
            if not table.is_file():
                continue
            rows = _rows(table, root, findings)
            places = (place, folder) if alone else (place,)
            _need_files(table, root, [file for file, _ in rows], places, findings)
            for file, group in rows:
                key = file if place == root else prefix + file
                if alone and not key.startswith(prefix):
                    key = prefix + key
                if groups.setdefault(key, group) != group:
                    findings.problems.append(
                        f"{table.relative_to(root).as_posix()}: {file} has two groups, "
                        f"{groups[key]} and {group}; leave one of them."
                    )
    return groups


def _need_files(
    table: Path, root: Path, files: list[str], places: Sequence[Path], findings: Findings
) -> None:
    """Say of which files of a table there are none: their groups would be passed over."""
    missing = [file for file in files if not any(_is_file(place / file) for place in places)]
    if not missing:
        return
    key = table.relative_to(root).as_posix()
    if len(missing) == len(files) and table.name.startswith("groups"):
        told, sentence = (
            findings.problems,
            f"{key}: none of its {len(files)} files is there, such as {missing[0]}; write paths "
            "relative to the table's folder.",
        )
    else:
        told, sentence = (
            findings.notices,
            f"{key}: {len(missing)} of its {len(files)} files are not there, such as {missing[0]}.",
        )
    if sentence not in told:  # a table at the root is read for every category
        told.append(sentence)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _rows(table: Path, root: Path, findings: Findings) -> list[tuple[str, str]]:
    """``(file, group)`` of every row that has both."""
    key = table.relative_to(root).as_posix()
    delimiter = "," if table.suffix == ".csv" else "\t"
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, delimiter=delimiter)
            column = next((c for c in reader.fieldnames or () if c.endswith("group")), None)
            if column is None or "file" not in (reader.fieldnames or ()):
                if table.name.startswith("groups"):
                    findings.problems.append(
                        f"{key}: no heading with the columns file and group; add it as the first "
                        "line."
                    )
                return []
            return [
                (PurePosixPath(row["file"].replace("\\", "/")).as_posix(), row[column])
                for row in reader
                if row["file"] and row[column]
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        findings.problems.append(f"{key}: no readable table ({error}); save it as UTF-8 text.")
        return []
