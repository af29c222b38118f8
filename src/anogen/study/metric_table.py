"""The numbers of a report: detectors and arms by metric, and the classifiers of defect types."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from anogen.study.arm_order import arm_order
from anogen.study.results import Classification, Gain, Run, metric_of

COLUMNS = (
    "image_auroc",
    "image_ap",
    "image_f1max",
    "pixel_auroc",
    "pixel_ap",
    "pixel_ap_by_type",
    "pixel_f1max",
    "pixel_pro",
    "pixel_located",
)


@dataclass(frozen=True)
class Cell:
    """A metric of one arm: mean and standard deviation over seeds in percent, as text."""

    mean: str
    deviation: str
    best: bool


@dataclass(frozen=True)
class ArmRow:
    """One line of the summary table."""

    arm: str
    seeds: int
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class DetectorTable:
    """The summary of one detector: its arms, and the gain by metric."""

    detector: str
    rows: tuple[ArmRow, ...]
    gains: tuple[Gain | None, ...]


def columns_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """The metrics that any run has; those of pixels need masks of the test images."""
    return tuple(name for name in COLUMNS if values_of(runs, name))


def table_of(
    detector: str, runs: Sequence[Run], gains: Sequence[Gain], columns: Sequence[str]
) -> DetectorTable:
    """The summary of a detector: its runs and gains by the metrics of ``columns``."""
    arms = sorted({run.arm for run in runs}, key=arm_order)
    values = {
        arm: [values_of([run for run in runs if run.arm == arm], metric) for metric in columns]
        for arm in arms
    }
    highest = [
        max((round(mean(values[arm][i]), 3) for arm in arms if values[arm][i]), default=None)
        for i in range(len(columns))
    ]

    def cell(known: list[float], top: float | None) -> Cell | None:
        if not known:
            return None
        deviation = f"{100 * stdev(known):.1f}" if len(known) > 1 else ""
        best = len(arms) > 1 and round(mean(known), 3) == top
        return Cell(f"{100 * mean(known):.1f}", deviation, best)

    return DetectorTable(
        detector=detector,
        rows=tuple(
            ArmRow(
                arm,
                len({run.seed for run in runs if run.arm == arm}),
                tuple(cell(v, b) for v, b in zip(values[arm], highest, strict=True)),
            )
            for arm in arms
        ),
        gains=tuple(
            next(
                (
                    gain
                    for gain in gains
                    if gain.detector == detector and gain.metric == name and gain.defect is None
                ),
                None,
            )
            for name in columns
        ),
    )


def values_of(runs: Sequence[Run], metric: str) -> list[float]:
    return [value for run in runs if (value := metric_of(run, metric)) is not None]


@dataclass(frozen=True)
class ClassificationTable:
    """Accuracy by type of defect, in percent as text, all types first."""

    network: str
    rows: tuple[tuple[str, str], ...]


def classification_of(found: Sequence[Classification]) -> ClassificationTable | None:
    """The classifiers of a category; None where there are none."""
    if not found:
        return None

    def percent(known: Sequence[float]) -> str:
        if not known:
            return "–"
        deviation = f" ± {100 * stdev(known):.1f}" if len(known) > 1 else ""
        return f"{100 * mean(known):.1f}{deviation}"

    rows = [("all", percent([c.accuracy for c in found if c.accuracy is not None]))]
    rows += [
        (label, percent([c.defects[label] for c in found if label in c.defects]))
        for label in found[0].labels
    ]
    return ClassificationTable(found[0].network, tuple(rows))
