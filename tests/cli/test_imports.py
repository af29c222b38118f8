"""Answers to --help come before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = {
    # What the command line itself is made of.
    "anogen",
    "anogen.cli",
    "anogen.cli.app",
    "anogen.errors",
}
THIRD_PARTY = {
    "typer",
    "annotated_doc",
    "click",
    "rich",
    "shellingham",
    "typing_extensions",
    # typer looks whether an argument is one of pydantic's types.
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_inspection",
}
"""Packages outside of the standard library: typer and what it brings along."""

PROBE = """
import json, sys
before = set(sys.modules)
from anogen.cli import main
sys.argv = ["anogen", *{arguments!r}]
try:
    main()
except SystemExit as ending:
    assert ending.code == 0, ending.code
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""

VERBS = [
    [],
    *(
        [verb]
        for verb in (
            "run",
            "demo",
            "validate",
            "learn",
            "generate",
            "train",
            "evaluate",
            "predict",
            "report",
            "review",
            "export",
            "study",
            "doctor",
            "config",
            "prior",
            "detector",
        )
    ),
    ["config", "show"],
    ["prior", "pretrain"],
    ["prior", "adapt"],
    ["detector", "pretrain"],
    ["detector", "export"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_imports_nothing_heavy(verb: list[str], tmp_path: Path) -> None:
    probe = PROBE.format(arguments=[*verb, "--help"])
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "Usage: anogen" in done.stdout
    modules = json.loads(done.stderr.splitlines()[-1])
    own = {name for name in modules if name.split(".")[0] == "anogen"}
    assert own == ALLOWED
    others = {name.split(".")[0] for name in modules} - {"anogen"}
    assert {
        name
        for name in others - sys.stdlib_module_names - THIRD_PARTY
        if not name.startswith("_sysconfigdata")
    } == set()


def test_every_verb_is_looked_at() -> None:
    from anogen.cli.app import app, config_app, detector_app, prior_app

    def names(group: object) -> set[str]:
        commands = group.registered_commands  # type: ignore[attr-defined]
        return {command.name or command.callback.__name__ for command in commands}

    listed = {" ".join(verb) for verb in VERBS}
    assert names(app) | {"", "config", "prior", "detector"} == {
        name for name in listed if " " not in name
    }
    below = {f"config {name}" for name in names(config_app)}
    below |= {f"prior {name}" for name in names(prior_app)}
    below |= {f"detector {name}" for name in names(detector_app)}
    assert below == {name for name in listed if " " in name}
