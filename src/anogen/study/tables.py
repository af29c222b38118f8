"""The tables of a study as Markdown and CSV: rows are arms, columns are metrics."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from anogen.files import write_text
from anogen.study.gain import METRICS, NAMES, points
from anogen.study.protocol import protocol_sentence
from anogen.study.study_results import COLUMNS, Product, StudyGain, StudyResults, StudyRow

MARKDOWN = "tables.md"
CSV = "tables.csv"
GENERATION_COLUMNS = ("arm", "images", "IS", "IC-LPIPS", "LPIPS type", "KID")


def write_tables(path: Path, results: StudyResults) -> None:
    """Write ``tables.md`` and ``tables.csv`` into the study's folder."""
    write_text(path / MARKDOWN, markdown(results))
    write_text(path / CSV, comma_separated(results))


def blocks(results: StudyResults) -> list[tuple[Product, str, list[StudyRow]]]:
    """The rows of each table: one for the average and each product, and each detector."""
    found: dict[tuple[Product, str], list[StudyRow]] = {}
    for row in results.rows:
        found.setdefault((row.product, row.detector), []).append(row)
    return [(product, detector, rows) for (product, detector), rows in found.items()]


def heading(results: StudyResults, product: Product, detector: str) -> str:
    """What a table speaks of."""
    where = f"mean of {len(results.products)} products" if product is None else product
    return f"{where}, {detector}"


def gain_of(results: StudyResults, row: StudyRow, metric: str) -> StudyGain | None:
    """The difference of a row to the base arm; None where there is none."""
    for gain in results.gains:
        if (gain.product, gain.detector, gain.arm, gain.metric) == (
            row.product,
            row.detector,
            row.arm,
            metric,
        ):
            return gain
    return None


def measured_on(results: StudyResults) -> list[str]:
    """Sentences on what the tables were measured on: a line for each product, and the seeds."""
    sentences = []
    for product in dict.fromkeys(run.product for run in results.runs):
        own = [run for run in results.runs if run.product == product]
        images, defective = own[0].images, own[0].defective
        sentence = f"{product}: {images} held-out test images, {defective} of them defective"
        if any(run.excluded for run in own):
            most = max(run.images + run.excluded for run in own)
            sentence += (
                f"; every arm holds these out (up to {most} in one arm), because arms learn from "
                "different shots"
            )
        sentences.append(f"{sentence}.")
    if any(row.seeds == 1 for row in results.rows):
        sentences.append(
            "One seed: no deviation can be given, and intervals do not cover how another training "
            "would come out."
        )
    return [*sentences, *results.notices]


def reading(results: StudyResults) -> list[str]:
    """Sentences on what the numbers mean, and how they were measured."""
    protocol = protocol_sentence((run.detector, run.protocol) for run in results.runs)
    return [
        f"Preset {results.preset}. Values in percent: mean ± standard deviation over seeds, which "
        "are trainings that differ in chance alone.",
        "AP is average precision, pixel AP by type the mean of the types' own, each against all "
        "good images (in pixel AP large defects outweigh small ones), F1-max the best F1 of any "
        "threshold, PRO the overlap with each defect's region up to 30 % false positives, located "
        "the share of defective images whose highest mean of 21 x 21 pixels of the score map "
        "touches a defect: it says whether image scores are high for the right reason.",
        f"Differences to {results.base} in points (100 points are 1.0), of trainings with the same "
        "seed on the same images, with a 95 % bootstrap interval over test images and seeds. "
        "Above zero it helps, below zero it hurts; where it holds zero, no difference is shown.",
        *([protocol] if protocol else []),
    ]


def markdown(results: StudyResults) -> str:
    """All tables, in percent: mean ± standard deviation over seeds, then paired differences."""
    lines = [f"# {results.title}", ""]
    if results.note:
        lines += [results.note.strip(), ""]
    lines += [f"- {sentence}" for sentence in (*measured_on(results), *reading(results))]
    lines += [""]
    for product, detector, rows in blocks(results):
        lines += [f"## {heading(results, product, detector)}", ""]
        lines += _table(
            ["arm", "seeds", *(NAMES[metric] for metric in COLUMNS)],
            [
                *([row.arm, str(row.seeds), *(cell(row, m) for m in COLUMNS)] for row in rows),
                *([name, *["–"] * (1 + len(COLUMNS))] for name in results.absent),
            ],
        )
        others = [row for row in rows if row.arm != results.base]
        if others:
            lines += [f"Difference to {results.base}, in points:", ""]
            lines += _table(
                ["arm", *(NAMES[metric] for metric in METRICS)],
                [
                    [row.arm, *(_difference(gain_of(results, row, m)) for m in METRICS)]
                    for row in others
                ],
            )
    for product in dict.fromkeys(row.product for row in results.generation):
        lines += _generation_table(results, product)
    return "\n".join(lines)


def generation_heading(results: StudyResults, product: Product) -> str:
    """What a table of generated images speaks of, with the network that its metrics rest on."""
    where = f"mean of {len(results.products)} products" if product is None else product
    return f"Generated images of {where} ({results.generation[0].network})"


def generation_rows(results: StudyResults, product: Product) -> list[tuple[str, ...]]:
    """Arm, images, IS, IC-LPIPS, LPIPS type, KID as text; absent rows last."""

    def number(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    rows = [
        (
            row.arm,
            str(row.images),
            number(row.inception_score, 2),
            number(row.ic_lpips, 3),
            number(row.lpips, 3),
            number(row.kid, 4),
        )
        for row in results.generation
        if row.product == product
    ]
    return [*rows, *((name, *["–"] * (len(GENERATION_COLUMNS) - 1)) for name in results.absent)]


def _generation_table(results: StudyResults, product: Product) -> list[str]:
    return [
        f"## {generation_heading(results, product)}",
        "",
        "IS, IC-LPIPS and the distance of two images (LPIPS type): larger is better; KID to the "
        "held-out real images: smaller is better. Means over defects.",
        "",
        *_table(GENERATION_COLUMNS, generation_rows(results, product)),
    ]


def cell(row: StudyRow, metric: str) -> str:
    """``73.2 ± 0.4`` in percent, or a dash where there is no value."""
    value, deviation = row.mean[metric], row.deviation[metric]
    if value is None:
        return "–"
    return f"{100 * value:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")


def comma_separated(results: StudyResults) -> str:
    """A line for each row: means, deviations and differences as shares of 1; absent ones empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = ["product", "detector", "arm", "base", "seeds"]
    names += [f"{metric}_{part}" for metric in COLUMNS for part in ("mean", "deviation")]
    names += [f"{metric}_gain{part}" for metric in METRICS for part in ("", "_low", "_high")]
    writer.writerow(names)
    for product, detector, rows in blocks(results):
        for row in rows:
            values: list[object] = [product or "mean", detector, row.arm, results.base, row.seeds]
            for metric in COLUMNS:
                values += [row.mean[metric], row.deviation[metric]]
            for metric in METRICS:
                gain = gain_of(results, row, metric)
                values += [None] * 3 if gain is None else [gain.mean, gain.low, gain.high]
            writer.writerow([round(v, 6) if isinstance(v, float) else v for v in values])
        for name in results.absent:
            known = [product or "mean", detector, name, results.base]
            writer.writerow([*known, *[None] * (len(names) - len(known))])
    return file.getvalue()


def _difference(gain: StudyGain | None) -> str:
    if gain is None:
        return "–"
    return f"{points(gain.mean)} [{points(gain.low)}, {points(gain.high)}] {gain.verdict}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(text.replace("|", r"\|") for text in cells) + " |"

    rule = "|" + " --- |" + " ---: |" * (len(head) - 1)
    return [line(head), rule, *(line(row) for row in rows), ""]
