"""``report/index.html``: one self-contained page about a run, from the files of its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from anogen.bank.bank import Bank
from anogen.files import inside, write_text
from anogen.study.answer import Answer, answer_of, facts_of, why_silent
from anogen.study.arm_order import arm_order
from anogen.study.bank_table import BankRow, bank_row
from anogen.study.compared import comparisons
from anogen.study.curves import Chart
from anogen.study.decisions import FALSE_ALARMS, DecisionRow, decision_rows
from anogen.study.durations import totals
from anogen.study.gain import NAMES
from anogen.study.gallery import (
    ConceptHeader,
    Dataset,
    DefectGallery,
    defect_gallery,
    read_concept_header,
)
from anogen.study.metric_table import (
    ClassificationTable,
    DetectorTable,
    classification_of,
    columns_of,
    table_of,
)
from anogen.study.notices import kept_notices
from anogen.study.page import rendered
from anogen.study.previews import preview_pictures
from anogen.study.protocol import protocol_sentence
from anogen.study.results import Generation, Results, Run, read_results
from anogen.study.reviewed import reviewed_since
from anogen.study.run_charts import curves_of, learning_charts
from anogen.study.run_config import (
    command_of,
    dataset_root,
    masks_of,
    read_config,
    versions_of,
)
from anogen.study.scoremaps import CaseGroup, case_groups
from anogen.study.scores import Scores, read_scores

# A report is mailed and opened on phones.
LARGEST = 6_000_000
EDGES = (320, 256, 208, 160, 128, 96)


@dataclass(frozen=True)
class CategoryPage:
    """Everything that the page says about one category."""

    name: str
    anchor: str
    answers: tuple[Answer, ...]
    silence: str
    compared: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    tables: tuple[DetectorTable, ...]
    protocol: str
    decisions: tuple[DecisionRow, ...]
    galleries: tuple[DefectGallery, ...]
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
    config = read_config(run_folder / "config.yaml")
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
    root = dataset_root(config)
    dataset = Dataset(root, masks_of(root, config))
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
            "false_alarms": FALSE_ALARMS,
            "command": command_of(config),
            "versions": versions_of(config, results),
            "settings": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
            "durations": totals(results.runs),
            "hashes": sorted(
                {(run.category, run.detector, run.arm, run.settings_hash) for run in results.runs}
            ),
            "reviewed": reviewed_since(run_folder, results),
            "notices": kept_notices(run_folder),
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
    answers = tuple(answer for d in detectors if (answer := answer_of(d, gains, runs)) is not None)
    scored = {run.key: scores for run in runs if (scores := _scores(run, run_folder)) is not None}
    learning = learning_charts(concepts, runs, run_folder)
    columns = columns_of(runs)
    return CategoryPage(
        name=name,
        anchor=f"category-{number}",
        answers=answers,
        silence="" if answers else why_silent(runs),
        compared=tuple(dict.fromkeys((gain.arm, gain.base) for gain in gains)),
        facts=facts_of(runs, bank, defects),
        columns=columns,
        tables=tuple(
            table_of(d, [r for r in runs if r.detector == d], gains, columns) for d in detectors
        ),
        protocol=protocol_sentence((run.detector, run.protocol) for run in runs),
        decisions=decision_rows(runs, scored),
        galleries=tuple(
            defect_gallery(
                defect,
                concepts.get(defect),
                bank,
                dataset,
                edge=edge,
                previews=preview_pictures(
                    inside(run_folder, f"concepts/{name}/previews"), defect, edge=2 * edge
                ),
            )
            for defect in defects
        ),
        cases=tuple(
            (detector, groups)
            for detector in detectors
            if (groups := _cases(detector, runs, scored, dataset, edge=edge))
        ),
        curves=tuple(c for d in detectors for c in curves_of(d, detectors, runs, scored)),
        learning=learning,
        bank=tuple(bank_row(d, [e for e in bank if e.defect == d]) for d in defects),
        classification=classification_of([c for c in results.classification if c.category == name]),
        generation=tuple(row for row in results.generation if row.category == name),
    )


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
    arms = sorted({run.arm for run in own}, key=arm_order)
    pair = next((list(found) for found in comparisons(arms)), arms[:1])
    seeds = [{run.seed for run in own if run.arm == arm} for arm in pair]
    common = set.intersection(*seeds) if seeds else set()
    if not common:
        return ()
    first = min(common)
    shown = {run.arm: scored[run.key] for run in own if run.seed == first and run.arm in pair}
    return case_groups({arm: shown[arm] for arm in pair}, dataset, edge=edge)


def _scores(run: Run, run_folder: Path) -> Scores | None:
    path = inside(run_folder, f"{run.folder}/scores.npz")
    return read_scores(path) if path.exists() else None


def _concepts(folder: Path) -> dict[str, ConceptHeader]:
    headers = (read_concept_header(path) for path in sorted(folder.glob("*.safetensors")))
    return {header.defect: header for header in headers}


def _folders(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
