"""The charts of a report: precision over recall by arm, and how concepts and detectors learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from anogen.files import inside
from anogen.metrics.ranking import precision_recall_curve
from anogen.study.arm_order import arm_order
from anogen.study.curves import (
    Chart,
    Line,
    Points,
    learning_chart,
    learning_line,
    precision_recall_chart,
    precision_recall_line,
)
from anogen.study.gallery import ConceptHeader
from anogen.study.metric_table import values_of
from anogen.study.results import BOTH, GENERATED, PROCEDURAL, Run
from anogen.study.scores import Scores
from anogen.study.training_log import read_log

ARM_COLOURS = {BOTH: 0, PROCEDURAL: 1, GENERATED: 2}


def curves_of(
    detector: str,
    detectors: Sequence[str],
    runs: Sequence[Run],
    scored: Mapping[tuple[str, str, str, int], Scores],
) -> list[Chart]:
    own = [run for run in runs if run.detector == detector and run.key in scored]
    arms = sorted({run.arm for run in own}, key=arm_order)
    colours = _arm_colours(arms)
    charts = []
    for level, curve_of in (("pixel", _pixel_curve), ("image", _image_curve)):
        lines = []
        for arm in arms:
            of_arm = [run for run in own if run.arm == arm]
            known = [c for run in of_arm if (c := curve_of(scored[run.key])) is not None]
            values = values_of(of_arm, f"{level}_ap")
            if known:
                note = f"AP {100 * mean(values):.1f}" if values else ""
                lines.append(precision_recall_line(arm, colours[arm], known, note))
        if lines:
            name = f", {detector}" if len(detectors) > 1 else ""
            charts.append(precision_recall_chart(f"{level.capitalize()}s{name}", lines))
    return charts


def _image_curve(scores: Scores) -> Points | None:
    if not scores.defective.any():
        return None
    curve = precision_recall_curve(scores.image_scores, scores.defective)
    return curve.recall, curve.precision


def _pixel_curve(scores: Scores) -> Points | None:
    known = scores.pixels_known
    truth = (scores.masks[known] > 0) & scores.defective[known][:, None, None]
    if not truth.any():
        return None
    curve = precision_recall_curve(scores.score_maps[known], truth)
    return curve.recall, curve.precision


def learning_charts(
    concepts: Mapping[str, ConceptHeader], runs: Sequence[Run], run_folder: Path
) -> tuple[Chart, ...]:
    charts = []
    learned = [
        learning_line(defect, number, concept.checked, concept.losses)
        for number, (defect, concept) in enumerate(concepts.items())
        if concept.losses
    ]
    if learned:
        charts.append(learning_chart("Concepts", learned, x_name="Step"))
    for detector in sorted({run.detector for run in runs}):
        own = [run for run in runs if run.detector == detector]
        arms = sorted({run.arm for run in own}, key=arm_order)
        colours = _arm_colours(arms)
        lines = [
            line
            for arm in arms
            if (line := _training_line(arm, colours[arm], own, run_folder)) is not None
        ]
        if lines:
            charts.append(learning_chart(f"Detector {detector}", lines, x_name="Step"))
    return tuple(charts)


def _training_line(arm: str, colour: int, runs: Sequence[Run], run_folder: Path) -> Line | None:
    """The training loss of an arm, the mean over those seeds that logged the same steps."""
    logs = [read_log(inside(run_folder, f"{r.folder}/train.jsonl")) for r in runs if r.arm == arm]
    logs = [log for log in logs if log]
    if not logs:
        return None
    steps = [step for step, _ in logs[0]]
    alike = [[loss for _, loss in log] for log in logs if [step for step, _ in log] == steps]
    return learning_line(arm, colour, steps, [mean(losses) for losses in zip(*alike, strict=True)])


def _arm_colours(arms: Sequence[str]) -> dict[str, int]:
    others = [arm for arm in arms if arm not in ARM_COLOURS]
    return ARM_COLOURS | {arm: len(ARM_COLOURS) + i for i, arm in enumerate(others)}
