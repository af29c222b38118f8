"""``train.jsonl``: the loss of a training, step by step."""

import json
from pathlib import Path

import numpy as np

from anogen.errors import InputError


def read_log(path: Path) -> list[tuple[float, float]]:
    """Step and loss of each line: its ``total`` or ``loss``, or else the sum of its parts."""
    if not path.is_file():
        return []
    lines = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        try:
            record: dict[str, float] = json.loads(text)
            parts = [float(value) for name, value in record.items() if name != "step"]
            loss = record.get("total", record.get("loss", sum(parts)))
            lines.append((float(record["step"]), float(loss)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: line {number} is no line of a training log; train again."
            ) from error
    return [line for line in lines if np.isfinite(line[1])]
