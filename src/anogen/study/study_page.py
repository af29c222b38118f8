"""``report/index.html`` of a study: its tables and differences, in the style of a run's report."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anogen.files import write_text
from anogen.study.curves import Intervals, intervals
from anogen.study.gain import METRICS, NAMES
from anogen.study.metric_table import Cell
from anogen.study.page import rendered
from anogen.study.results import Gain
from anogen.study.study_results import COLUMNS, StudyGain, StudyResults, StudyRow
from anogen.study.tables import (
    GENERATION_COLUMNS,
    blocks,
    gain_of,
    generation_heading,
    generation_rows,
    heading,
    measured_on,
    reading,
)


@dataclass(frozen=True)
class PageRow:
    """One arm: its values, and its differences to the base arm by metric."""

    arm: str
    seeds: int
    cells: tuple[Cell | None, ...]
    gains: tuple[StudyGain | None, ...]


@dataclass(frozen=True)
class Block:
    """One table with the picture of its differences."""

    title: str
    rows: tuple[PageRow, ...]
    metric: str
    intervals: Intervals | None


def write_page(path: Path, results: StudyResults, *, command: Sequence[str]) -> Path:
    """Write the page into the study's folder and return its path; it needs no network."""
    page = rendered(
        "study.html",
        {
            "kind": "study",
            "title": results.title,
            "results": results,
            "blocks": [
                _block(results, heading(results, product, detector), rows)
                for product, detector, rows in blocks(results)
            ],
            "generation": [
                (generation_heading(results, product), generation_rows(results, product))
                for product in dict.fromkeys(row.product for row in results.generation)
            ],
            "generation_columns": GENERATION_COLUMNS,
            "sentences": [*measured_on(results), *reading(results)],
            "columns": COLUMNS,
            "names": NAMES,
            "cells": list(
                dict.fromkeys((r.cell, r.product, r.detector, r.arm) for r in results.runs)
            ),
            "command": shlex.join(command),
        },
    )
    target = path / "report" / "index.html"
    write_text(target, page)
    return target


def _block(results: StudyResults, title: str, rows: Sequence[StudyRow]) -> Block:
    metric, gains = _drawn(results, rows)
    return Block(
        title=title,
        rows=tuple(
            PageRow(
                arm=row.arm,
                seeds=row.seeds,
                cells=tuple(_cell(row, rows, name) for name in COLUMNS),
                gains=tuple(
                    gain_of(results, row, name) if name in METRICS else None for name in COLUMNS
                ),
            )
            for row in rows
        ),
        metric=NAMES[metric],
        intervals=intervals(gains) if gains else None,
    )


def _cell(row: StudyRow, rows: Sequence[StudyRow], metric: str) -> Cell | None:
    value, deviation = row.mean[metric], row.deviation[metric]
    if value is None:
        return None
    top = max(round(v, 3) for other in rows if (v := other.mean[metric]) is not None)
    return Cell(
        f"{100 * value:.1f}",
        "" if deviation is None else f"{100 * deviation:.1f}",
        len(rows) > 1 and round(value, 3) == top,
    )


def _drawn(results: StudyResults, rows: Sequence[StudyRow]) -> tuple[str, list[Gain]]:
    """The differences to draw: by pixel AP, or by image AP where there are no masks.

    The picture's rows are gains by defect in a run's report; here arms stand in their place.
    """
    for metric in ("pixel_ap", "image_ap"):
        found = [gain for row in rows if (gain := gain_of(results, row, metric)) is not None]
        if found:
            return metric, [
                Gain(
                    category=gain.product or "",
                    detector=gain.detector,
                    metric=metric,
                    defect=gain.arm,
                    mean=gain.mean,
                    low=gain.low,
                    high=gain.high,
                    seeds=gain.seeds,
                    verdict=gain.verdict,
                )
                for gain in found
            ]
    return "pixel_ap", []
