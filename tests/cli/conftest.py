"""The command line in this process: quicker than a launch, and the same code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from anogen.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Anogen = Callable[..., Answer]


@pytest.fixture
def anogen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Anogen:
    """Calls the command line with arguments."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["anogen", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 0
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Answer(code, out, err)

    return call
