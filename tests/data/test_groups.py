from collections.abc import Callable
from pathlib import Path

import pytest

from anogen.data.dataset import read_dataset, scan
from anogen.errors import InputError

Write = Callable[..., Path]


def _groups(root: Path) -> dict[str, str | None]:
    (category,) = read_dataset(root)
    return {sample.key: sample.group for sample in (*category.train, *category.test)}


@pytest.mark.parametrize(
    ("place", "prefix"),
    [("", "screw/"), ("", ""), ("screw/", "")],
    ids=["by key", "without the category", "in the category"],
)
def test_a_table_at_either_place_gives_groups(mvtec: Path, place: str, prefix: str) -> None:
    (mvtec / f"{place}PROVENANCE.tsv").write_text(
        "file\tsource\ttile_group\n"
        f"{prefix}test/bent/000.png\tx.jpg\t7\n"
        f"{prefix}test/good/001.png\ty.jpg\t7\n"
        f"{prefix}test/crack/002.png\tz.jpg\t\n"
    )
    groups = _groups(mvtec)
    assert {key for key, group in groups.items() if group == "7"} == {
        "screw/test/bent/000.png",
        "screw/test/good/001.png",
    }
    assert set(groups.values()) == {"7", None}


def test_csv_with_windows_paths(mvtec: Path) -> None:
    table = "\ufefffile,group\ntest\\bent\\000.png,a\n"
    (mvtec / "screw" / "groups.csv").write_text(table, encoding="utf-8")
    assert _groups(mvtec)["screw/test/bent/000.png"] == "a"
    assert _groups(mvtec / "screw")["test/bent/000.png"] == "a"


def test_short_paths_do_not_reach_into_several_categories(mvtec: Path, write: Write) -> None:
    write("bolt/train/good/000.png")
    write("bolt/test/bent/000.png")
    (mvtec / "groups.tsv").write_text("file\tgroup\ntest/bent/000.png\ta\n")
    found, findings = scan(mvtec)
    assert not [s for category in found for s in category.test if s.group]
    assert findings.problems == [
        "groups.tsv: none of its 1 files is there, such as test/bent/000.png; write paths relative "
        "to the table's folder."
    ]


def test_rows_without_a_file_are_said(mvtec: Path) -> None:
    table = "file\tgroup\ntest/bent/000.png\ta\n000.png\tb\n001.png\tb\n"
    (mvtec / "groups.tsv").write_text(table)
    _, findings = scan(mvtec)
    assert not findings.problems
    assert "groups.tsv: 2 of its 3 files are not there, such as 000.png." in findings.notices
    # A table of provenance may speak of more than was kept.
    (mvtec / "groups.tsv").rename(mvtec / "PROVENANCE.tsv")
    (mvtec / "PROVENANCE.tsv").write_text("file\tgroup\nraw/1.png\ta\n")
    _, findings = scan(mvtec)
    assert not findings.problems


def test_a_row_that_names_no_possible_file_is_said(mvtec: Path) -> None:
    table = f"file\tgroup\ntest/bent/000.png\ta\n{'x' * 300}.png\tb\n"
    (mvtec / "groups.tsv").write_text(table)
    _, findings = scan(mvtec)
    assert any("1 of its 2 files are not there" in notice for notice in findings.notices)


def test_another_provenance_table_is_passed_over(mvtec: Path) -> None:
    (mvtec / "PROVENANCE.tsv").write_text("screw/test/bent/000.png\tsomebody/repository\n")
    assert set(_groups(mvtec).values()) == {None}


def test_wrong_tables_are_problems(mvtec: Path) -> None:
    (mvtec / "groups.tsv").write_text("name\tpart\na\tb\n")
    with pytest.raises(InputError, match=r"^groups\.tsv: no heading with the columns file and gro"):
        read_dataset(mvtec)
    (mvtec / "groups.tsv").write_text("file\tgroup\ntest/bent/000.png\ta\ntest/bent/000.png\tb\n")
    _, findings = scan(mvtec)
    assert findings.problems == [
        "groups.tsv: test/bent/000.png has two groups, a and b; leave one of them."
    ]
    (mvtec / "groups.tsv").write_bytes(b"file\tgroup\n\xff\xfe\tb\n")
    with pytest.raises(InputError, match=r"^groups\.tsv: no readable table"):
        read_dataset(mvtec)
