"""``report/index.html``: one self-contained page about a run, from the files of its folder."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import yaml

from anogen.bank.bank import Bank
from anogen.bank.manifest import Entry
from anogen.data.dataset import scan
from anogen.errors import InputError
from anogen.files import inside, write_text
from anogen.metrics.ranking import precision_recall_curve
from anogen.study.curves import (
    Chart,
    Intervals,
    Line,
    Points,
    intervals,
    learning_chart,
    learning_line,
    precision_recall_chart,
    precision_recall_line,
)
from anogen.study.durations import SHARED
from anogen.study.gain import NAMES, points, sentence
from anogen.study.gallery import (
    ConceptHeader,
    Dataset,
    DefectGallery,
    Row,
    defect_gallery,
    evenly,
    read_concept_header,
    rejected_examples,
)
from anogen.study.page import rendered
from anogen.study.results import (
    BOTH,
    GENERATED,
    PROCEDURAL,
    Classification,
    Gain,
    Generation,
    Results,
    Run,
    metric_of,
    read_results,
)
from anogen.study.reviewed import reviewed_since
from anogen.study.scoremaps import CaseGroup, case_groups
from anogen.study.scores import Scores, read_scores

# A report is mailed and opened on phones.
LARGEST = 6_000_000
EDGES = (320, 256, 208, 160, 128, 96)
ARM_COLOURS = {BOTH: 0, PROCEDURAL: 1, GENERATED: 2}
COLUMNS = (
    "image_auroc",
    "image_ap",
    "image_f1max",
    "pixel_auroc",
    "pixel_ap",
    "pixel_f1max",
    "pixel_pro",
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


@dataclass(frozen=True)
class Answer:
    """Does it help one detector: the sentence, and the intervals of all and of each defect."""

    gain: Gain
    sentence: str
    size: str
    metric: str
    intervals: Intervals


@dataclass(frozen=True)
class BankRow:
    """The bank of one defect in numbers."""

    defect: str
    accepted: int
    rejected: int
    reasons: tuple[tuple[str, int], ...]
    gates: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class ClassificationTable:
    """Accuracy by type of defect, in percent as text, all types first."""

    network: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CategoryPage:
    """Everything that the page says about one category."""

    name: str
    anchor: str
    answers: tuple[Answer, ...]
    silence: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[DetectorTable, ...]
    galleries: tuple[DefectGallery, ...]
    rejected: tuple[Row, ...]
    cases: tuple[tuple[str, tuple[CaseGroup, ...]], ...]
    curves: tuple[Chart, ...]
    learning: tuple[Chart, ...]
    bank: tuple[BankRow, ...]
    classification: ClassificationTable | None
    generation: tuple[Generation, ...]


def write_report(run_folder: Path) -> Path:
    """Write ``report/index.html`` of a run and return its path.

    Reads the run's folder, and the images that its ``config.yaml`` names as the dataset; what is
    missing there is left out and named on the page. The same files give the same bytes.

    Raises:
        InputError: if ``config.yaml`` or ``results.json`` is missing or damaged, or a file that
            they speak of.
    """
    config = _read_config(run_folder / "config.yaml")
    results = read_results(run_folder / "results.json")
    page = ""
    for edge in EDGES:
        page = _page(run_folder, config, results, edge=edge)
        if len(page.encode()) <= LARGEST:
            break
    target = run_folder / "report" / "index.html"
    write_text(target, page)
    return target


def _page(run_folder: Path, config: Mapping[str, Any], results: Results, *, edge: int) -> str:
    root = _dataset_root(config)
    dataset = Dataset(root, _masks(root, config))
    names = sorted({run.category for run in results.runs} | _folders(run_folder / "bank"))
    pages = [
        _category(name, number, run_folder, results, dataset, edge=edge)
        for number, name in enumerate(names)
    ]
    return rendered(
        "report.html",
        {
            "kind": "report",
            "title": root.name if root is not None and root.name else "anogen run",
            "pages": pages,
            "names": NAMES,
            "columns": COLUMNS,
            "command": _command(config),
            "versions": _versions(config, results),
            "settings": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
            "durations": _durations(results.runs),
            "hashes": sorted(
                {(run.category, run.detector, run.arm, run.settings_hash) for run in results.runs}
            ),
            "reviewed": reviewed_since(run_folder, results),
            "missing": sorted(dataset.missing) if root is not None else [],
        },
    )


def _category(
    name: str, number: int, run_folder: Path, results: Results, dataset: Dataset, *, edge: int
) -> CategoryPage:
    runs = sorted((run for run in results.runs if run.category == name), key=lambda r: r.key)
    gains = [gain for gain in results.gain if gain.category == name]
    bank = Bank(inside(run_folder, f"bank/{name}"))
    concepts = _concepts(inside(run_folder, f"concepts/{name}"))
    defects = sorted({entry.defect for entry in bank} | set(concepts))
    detectors = sorted({run.detector for run in runs})
    answers = tuple(answer for d in detectors if (answer := _answer(d, gains)) is not None)
    scored = {run.key: scores for run in runs if (scores := _scores(run, run_folder)) is not None}
    learning = _learning_charts(concepts, runs, run_folder)
    rejected = [entry for entry in bank if not entry.accepted]
    return CategoryPage(
        name=name,
        anchor=f"category-{number}",
        answers=answers,
        silence="" if answers else _why_silent(runs),
        facts=_facts(runs, bank, defects),
        tables=tuple(_table(d, [r for r in runs if r.detector == d], gains) for d in detectors),
        galleries=tuple(
            defect_gallery(defect, concepts.get(defect), bank, dataset, edge=edge)
            for defect in defects
        ),
        rejected=rejected_examples(evenly(rejected, 6), bank, edge=edge),
        cases=tuple(
            (detector, groups)
            for detector in detectors
            if (groups := _cases(detector, runs, scored, dataset, edge=edge))
        ),
        curves=tuple(c for d in detectors for c in _curves(d, detectors, runs, scored)),
        learning=learning,
        bank=tuple(_bank_row(d, [e for e in bank if e.defect == d]) for d in defects),
        classification=_classification([c for c in results.classification if c.category == name]),
        generation=tuple(row for row in results.generation if row.category == name),
    )


def _classification(found: Sequence[Classification]) -> ClassificationTable | None:
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


def _answer(detector: str, gains: Sequence[Gain]) -> Answer | None:
    """The answer of one detector by pixel AP, or by image AP where there are no masks."""
    own = [gain for gain in gains if gain.detector == detector]
    for metric in ("pixel_ap", "image_ap"):
        listed = sorted(
            (gain for gain in own if gain.metric == metric), key=lambda gain: gain.defect or ""
        )
        overall = next((gain for gain in listed if gain.defect is None), None)
        if overall is not None:
            return Answer(
                overall,
                sentence(overall),
                points(overall.mean),
                NAMES[metric],
                intervals(listed),
            )
    return None


def _why_silent(runs: Sequence[Run]) -> str:
    arms = sorted({run.arm for run in runs})
    if not runs:
        return "No detector has been evaluated yet."
    if PROCEDURAL in arms and BOTH in arms:
        return "The two arms have no common seed and metric, so there is no difference to judge."
    listed = " and ".join(arms)
    return f"Only the arm {listed} was trained, so there is nothing to compare it with."


def _facts(runs: Sequence[Run], bank: Bank, defects: Sequence[str]) -> tuple[tuple[str, str], ...]:
    counts = runs[0].counts if runs else {}
    words = {
        "normals": "good images to train on",
        "support": "support shots",
        "test_good": "good test images",
        "test_defective": "defective test images",
        "excluded": "kept out of the test",
        "learned_and_tested": "learned from and tested on",
    }
    facts = [(f"{counts[name]:,}", words[name]) for name in words if name in counts]
    seeds = len({run.seed for run in runs})
    facts.insert(2, (f"{sum(1 for _ in bank.accepted()):,}", "generated images"))
    facts.insert(0, (f"{len(defects)}", "defect type" if len(defects) == 1 else "defect types"))
    facts.append((f"{seeds}", "seed" if seeds == 1 else "seeds"))
    return tuple(facts)


def _table(detector: str, runs: Sequence[Run], gains: Sequence[Gain]) -> DetectorTable:
    arms = sorted({run.arm for run in runs}, key=_arm_order)
    values = {
        arm: [_values([run for run in runs if run.arm == arm], metric) for metric in COLUMNS]
        for arm in arms
    }
    highest = [
        max((round(mean(values[arm][i]), 3) for arm in arms if values[arm][i]), default=None)
        for i in range(len(COLUMNS))
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
            for name in COLUMNS
        ),
    )


def _values(runs: Sequence[Run], metric: str) -> list[float]:
    return [value for run in runs if (value := metric_of(run, metric)) is not None]


def _arm_order(arm: str) -> tuple[int, str]:
    known = (PROCEDURAL, GENERATED, BOTH)
    return (known.index(arm) if arm in known else len(known), arm)


def _arm_colours(arms: Sequence[str]) -> dict[str, int]:
    others = [arm for arm in arms if arm not in ARM_COLOURS]
    return ARM_COLOURS | {arm: len(ARM_COLOURS) + i for i, arm in enumerate(others)}


def _cases(
    detector: str,
    runs: Sequence[Run],
    scored: Mapping[tuple[str, str, str, int], Scores],
    dataset: Dataset,
    *,
    edge: int,
) -> tuple[CaseGroup, ...]:
    """Cases of the first seed that all shown arms have."""
    own = [run for run in runs if run.detector == detector and run.key in scored]
    arms = sorted({run.arm for run in own}, key=_arm_order)
    pair = [arm for arm in (PROCEDURAL, BOTH) if arm in arms] or arms[:1]
    seeds = [{run.seed for run in own if run.arm == arm} for arm in pair]
    common = set.intersection(*seeds) if seeds else set()
    if not common:
        return ()
    first = min(common)
    shown = {run.arm: scored[run.key] for run in own if run.seed == first and run.arm in pair}
    return case_groups({arm: shown[arm] for arm in pair}, dataset, edge=edge)


def _curves(
    detector: str,
    detectors: Sequence[str],
    runs: Sequence[Run],
    scored: Mapping[tuple[str, str, str, int], Scores],
) -> list[Chart]:
    own = [run for run in runs if run.detector == detector and run.key in scored]
    arms = sorted({run.arm for run in own}, key=_arm_order)
    colours = _arm_colours(arms)
    charts = []
    for level, curve_of in (("pixel", _pixel_curve), ("image", _image_curve)):
        lines = []
        for arm in arms:
            of_arm = [run for run in own if run.arm == arm]
            known = [c for run in of_arm if (c := curve_of(scored[run.key])) is not None]
            values = _values(of_arm, f"{level}_ap")
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


def _learning_charts(
    concepts: Mapping[str, ConceptHeader], runs: Sequence[Run], run_folder: Path
) -> tuple[Chart, ...]:
    charts = []
    learned = [
        learning_line(defect, number, range(len(concept.losses)), concept.losses)
        for number, (defect, concept) in enumerate(concepts.items())
        if concept.losses
    ]
    if learned:
        charts.append(learning_chart("Concepts", learned, x_name="Check"))
    for detector in sorted({run.detector for run in runs}):
        own = [run for run in runs if run.detector == detector]
        arms = sorted({run.arm for run in own}, key=_arm_order)
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
    logs = [_read_log(inside(run_folder, f"{r.folder}/train.jsonl")) for r in runs if r.arm == arm]
    logs = [log for log in logs if log]
    if not logs:
        return None
    steps = [step for step, _ in logs[0]]
    alike = [[loss for _, loss in log] for log in logs if [step for step, _ in log] == steps]
    return learning_line(arm, colour, steps, [mean(losses) for losses in zip(*alike, strict=True)])


def _read_log(path: Path) -> list[tuple[float, float]]:
    """Step and loss of each line; the loss is ``loss`` or the sum of its named parts."""
    if not path.is_file():
        return []
    lines = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        try:
            record: dict[str, float] = json.loads(text)
            parts = [float(value) for name, value in record.items() if name != "step"]
            lines.append((float(record["step"]), float(record.get("loss", sum(parts)))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: line {number} is no line of a training log; train again."
            ) from error
    return [line for line in lines if np.isfinite(line[1])]


def _bank_row(defect: str, entries: Sequence[Entry]) -> BankRow:
    refused = [entry for entry in entries if not entry.accepted]
    reasons = Counter(_reason(entry) for entry in refused)
    gates = []
    for name in sorted({name for entry in entries for name in entry.gate}):
        values = sorted(entry.gate[name] for entry in entries if name in entry.gate)
        chosen = (values[0], float(np.median(values)), values[-1])
        gates.append((name, *(f"{value:.3g}" for value in chosen)))
    return BankRow(
        defect=defect,
        accepted=len(entries) - len(refused),
        rejected=len(refused),
        reasons=tuple(reasons.most_common()),
        gates=tuple((a, b, c, d) for a, b, c, d in gates),
    )


def _reason(entry: Entry) -> str:
    """The reason without its numbers, so that like reasons are counted together."""
    if entry.review is not None and entry.review.word == "rejected":
        return "rejected by a reviewer"
    return re.sub(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", "…", entry.reason or "")


def _scores(run: Run, run_folder: Path) -> Scores | None:
    path = inside(run_folder, f"{run.folder}/scores.npz")
    return read_scores(path) if path.exists() else None


def _concepts(folder: Path) -> dict[str, ConceptHeader]:
    headers = (read_concept_header(path) for path in sorted(folder.glob("*.safetensors")))
    return {header.defect: header for header in headers}


def _folders(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of a run.")
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no valid YAML; restore it or run again.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: holds no settings; restore it or run again.")
    return config


def _dataset_root(config: Mapping[str, Any]) -> Path | None:
    dataset = config.get("dataset")
    root = dataset.get("root") if isinstance(dataset, dict) else None
    return Path(str(root)) if root is not None else None


def _masks(root: Path | None, config: Mapping[str, Any]) -> dict[str, Path]:
    """Masks of the dataset by key; none where the dataset is gone or has changed."""
    if root is None:
        return {}
    try:
        categories, _ = scan(root, layout=config["dataset"].get("layout"))
    except InputError:
        return {}
    samples = (sample for category in categories for sample in category.test)
    return {sample.key: sample.mask for sample in samples if sample.mask is not None}


def _command(config: Mapping[str, Any]) -> str:
    command = config.get("command")
    if isinstance(command, list):
        return shlex.join(str(part) for part in command)
    return str(command or "")


def _versions(config: Mapping[str, Any], results: Results) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    stated = config.get("versions")
    if isinstance(stated, dict):
        found |= {str(name): str(version) for name, version in stated.items()}
    for run in results.runs:
        found |= run.versions
    return sorted(found.items())


def _durations(runs: Sequence[Run]) -> list[tuple[str, str]]:
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
