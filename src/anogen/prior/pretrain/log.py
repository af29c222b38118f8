"""The log of a training: one JSON object a line, each step once whatever is killed and resumed."""

import json
from pathlib import Path
from typing import Any

from anogen.files import write_text


class TrainingLog:
    """Appends lines to ``path``; what an earlier run wrote beyond ``done`` steps is dropped.

    A resumed run does those steps again, so its lines would stand there twice.
    """

    def __init__(self, path: Path, *, done: int) -> None:
        kept = [line for line in _lines(path) if line["step"] <= done]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a")

    def write(self, line: dict[str, Any]) -> None:
        """Append one line; it has the key ``step``."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; one that a kill cut short is not among them."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
