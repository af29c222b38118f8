"""How long each stage took, beside what it made."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anogen.files import write_json
from anogen.study.results import Run

TIMES = "seconds.json"
"""Name of the file; the only one of a run, beside the report, that differs from run to run."""

SHARED = ("adapt", "learn", "generate")
"""Stages that all detectors of a category share."""


@contextmanager
def timed(folder: Path, stage: str) -> Iterator[None]:
    """Add the time that the block takes to a stage's in ``folder``; a kill takes its part along."""
    started = time.monotonic()
    yield
    known = seconds_of(folder)
    known[stage] = round(known.get(stage, 0.0) + time.monotonic() - started, 2)
    write_json(folder / TIMES, known)


def seconds_of(folder: Path) -> dict[str, float]:
    """Durations by stage, as far as they are known."""
    try:
        known = json.loads((folder / TIMES).read_text())
    except (OSError, ValueError):
        return {}
    return {str(stage): float(value) for stage, value in known.items()}


def totals(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Stages and how long they took in all."""
    single: dict[tuple[str, str], float] = {}
    for run in runs:
        for stage, seconds in run.seconds.items():
            owner = run.category if stage in SHARED else run.folder
            single[stage, owner] = seconds
    total: dict[str, float] = {}
    for (stage, _), seconds in single.items():
        total[stage] = total.get(stage, 0.0) + seconds
    return [(stage, _time(seconds)) for stage, seconds in total.items()]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
