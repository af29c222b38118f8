"""What stands beside every export: where each image came from, and what may be done with it."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from anogen.bank.export.items import Material
from anogen.bank.manifest import Entry
from anogen.files import write_text

ORIGIN = "origin.csv"
CARD = "README.md"

_COLUMNS = (
    "file",
    "category",
    "defect",
    "x0",
    "y0",
    "x1",
    "y1",
    "normal",
    "normal_sha256",
    "concept",
    "concept_sha256",
    "prior",
    "seed",
    "accepted_by",
    "reviewed",
    "mask",
)

_FORMATS = {
    "mvtec": "MVTec AD's layout. `train/good` holds the real good images that defects were drawn "
    "on, unchanged; `test` and `ground_truth` are synthetic.",
    "coco": "COCO instances: `images`, and `annotations.json` with a box and a mask (run lengths) "
    "for each defect.",
    "yolo": "YOLO segmentation: `images/train`, `labels/train`, `data.yaml`. Outlines without "
    "their holes, a line for each defect; parts of one defect are joined by bridges without width.",
    "masks": "`images`, and `masks` of the same names: 0 to 255, how surely a pixel is defective.",
}


def write(
    material: Material, out: Path, *, paths: Mapping[str, str], kind: str, licence: str
) -> None:
    """Write ``README.md`` and ``origin.csv``.

    Args:
        material: what was exported.
        out: the export's folder.
        paths: as the formats' writers return them.
        kind: name of the format.
        licence: as the user states it.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in material.entries:
        writer.writerow(_row(entry, paths[f"{entry.category}/{entry.id}"]))
    write_text(out / ORIGIN, table.getvalue())
    write_text(out / CARD, _card(material, kind, licence))


def _row(entry: Entry, path: str) -> list[object]:
    review = entry.review
    return [
        path,
        entry.category,
        entry.defect,
        *entry.region.as_list(),
        entry.normal,
        entry.normal_sha256,
        entry.concept or "",
        entry.concept_sha256 or "",
        entry.prior or "",
        entry.seed,
        "gate" if review is None or review.word is None else "reviewer",
        "" if review is None else review.time,
        "drawn" if review is None or review.mask is None else "corrected by a reviewer",
    ]


def _card(material: Material, kind: str, licence: str) -> str:
    entries = material.entries
    reviewed = sum(e.review is not None and e.review.word is not None for e in entries)
    corrected = sum(e.review is not None and e.review.mask is not None for e in entries)
    priors = sorted({entry.prior for entry in entries if entry.prior is not None})
    rows = [
        f"| {_cell(category)} | {_cell(defect)} | {count} |"
        for (category, defect), count in sorted(_counts(entries).items())
    ]
    made_by = f"The model that drew them: {', '.join(f'`{prior}`' for prior in priors)}." * bool(
        priors
    )
    return "\n".join(
        [
            "# Synthetic defects",
            "",
            f"These {len(entries)} images of defective parts are **synthetic**: the defects were "
            "drawn into photographs of good parts by anogen, which learned them from a few real "
            "ones. No such part was ever made. They are meant to train inspection on; they say "
            "nothing about how well it works, which only real images can.",
            "",
            "| product | defect | images |",
            "|---|---|---|",
            *rows,
            "",
            f"{reviewed} of them were accepted by a reviewer, the others by the quality gate "
            f"alone; {corrected} masks were corrected by hand. Rejected images are left out.",
            "",
            "## Files",
            "",
            f"- {_FORMATS[kind]}",
            f"- `{ORIGIN}`: the origin of every image: the good image it was drawn on and its "
            "hash, the learned concept, the model's fingerprint, the seed, who accepted it.",
            "",
            "## Origin",
            "",
            "Outside of the box that it was drawn in every pixel is that of the good image; its "
            f"owner's rights hold here as well. {made_by}".rstrip(),
            "",
            "## Licence",
            "",
            licence,
            "",
        ]
    )


def _counts(entries: list[Entry]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = entry.category, entry.defect
        counts[key] = counts.get(key, 0) + 1
    return counts


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
