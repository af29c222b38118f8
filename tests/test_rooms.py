"""Imports between the rooms of the package only go downwards."""

import ast
from pathlib import Path

import pytest

import anogen

FOUNDATION = {"errors", "seeds", "files", "registry", "shortcut"}
ROOMS = (
    "metrics",
    "data",
    "placement",
    "prior",
    "concept",
    "synthesis",
    "bank",
    "detection",
    "study",
    "cli",
)
"""From low to high: a room imports the foundation, itself, and rooms before it."""

# The demo's data stands beside the rooms and needs none of them; only the command line calls it.
ALLOWED = {
    room: {*FOUNDATION, *ROOMS[: number + 1]} | ({"demo"} if room == "cli" else set())
    for number, room in enumerate(ROOMS)
} | {
    "demo": {"demo", *FOUNDATION},
    "__main__": {"cli"},
    "__init__": set(),
    **dict.fromkeys(FOUNDATION, FOUNDATION),
}

SOURCE = Path(anogen.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room of a file: the first part of its path."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def rooms_imported(tree: ast.AST) -> set[str]:
    """Rooms that are imported anywhere in a file, inside functions too."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            names.append(node.module)
            if node.module == "anogen":
                names += [f"anogen.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("anogen.")} - {"__version__"}


def test_every_room_has_a_place() -> None:
    assert {room_of(path) for path in FILES} == ALLOWED.keys()


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_go_downwards(room: str) -> None:
    files = [path for path in FILES if room_of(path) == room]
    upwards = {
        f"{path.relative_to(SOURCE)} imports {other}"
        for path in files
        for other in rooms_imported(ast.parse(path.read_text())) - ALLOWED[room]
    }
    assert upwards == set()


def test_the_test_sees_imports() -> None:
    text = "import anogen.study.gain\ndef f():\n    from anogen import cli, __version__\n"
    assert rooms_imported(ast.parse(text)) == {"study", "cli"}
