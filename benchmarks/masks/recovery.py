"""Recovered masks against known ones: real defects on other normals, through the autoencoder.

    python benchmarks/masks/recovery.py [--data ../shared/data] [--each 5] [--seed 0]

Writes recovery.json and recovery.md beside itself, and recovery.png (a sample of cases: pasted,
shown, and the outlines of the box, the truth and the recovered mask) to --sheet.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from cases import FITTED, HELD_OUT, SMALLEST_SCALE, THIN, VISIBLE, Case, cases
from numpy.typing import NDArray

from anogen.placement.box import Box
from anogen.prior.loading import load_prior
from anogen.synthesis.mask_recovery import recover_mask
from anogen.synthesis.tightening import tightened

JITTERS = (0.0, 0.2)


def recovered(case: Case, image: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    rows = case.box.slices
    image = case.shown if image is None else image
    shown, normal = (part[rows].astype(np.float32) / 255 for part in (image, case.normal))
    return recover_mask(shown, normal, np.ones(shown.shape[:2], dtype=bool)) >= 0.5


def undecoded(case: Case) -> NDArray[np.bool_]:
    """The same method where no autoencoder lost anything: what the annotation allows at best."""
    return recovered(case, case.pasted)


def otsu(case: Case) -> NDArray[np.bool_]:
    difference = cv2.absdiff(case.shown[case.box.slices], case.normal[case.box.slices]).max(axis=2)
    limit, _ = cv2.threshold(difference, 0, 255, cv2.THRESH_OTSU)
    return difference > limit


def whole_box(case: Case) -> NDArray[np.bool_]:
    return np.ones((case.box.height, case.box.width), dtype=bool)


METHODS: dict[str, Callable[[Case], NDArray[np.bool_]]] = {
    "recovered": recovered,
    "difference_otsu": otsu,
    "box": whole_box,
    "recovered_without_autoencoder": undecoded,
}


def iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def boxes(case: Case, mask: NDArray[np.bool_]) -> dict[str, float]:
    """IoU of the boxes with the truth's own, and the share of the truth in the tightened one."""
    full = np.zeros(case.truth.shape, np.float32)
    full[case.box.slices] = mask
    tight = tightened(full, case.box).mask(*case.truth.shape)
    exact = Box.around(case.truth).mask(*case.truth.shape)
    return {
        "asked": iou(case.box.mask(*case.truth.shape), exact),
        "tightened": iou(tight, exact),
        "held": float((tight & case.truth).sum() / case.truth.sum()),
    }


def sheet(found: list[Case], path: Path) -> None:
    rows = []
    for case in found[:: max(1, len(found) // 36)][:36]:
        mask = np.zeros_like(case.truth)
        mask[case.box.slices] = recovered(case)
        outlines = case.shown.copy()
        height, width = mask.shape
        for one, colour in (
            (case.box.mask(height, width), (255, 255, 0)),
            (case.truth, (0, 255, 0)),
            (mask, (255, 0, 0)),
        ):
            lines, _ = cv2.findContours(
                one.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(outlines, lines, -1, colour, 1)
        window = case.window
        part = (
            slice(max(window.y, 0), window.y + window.side),
            slice(max(window.x, 0), window.x + window.side),
        )
        views = [cv2.resize(v[part], (192, 192)) for v in (case.pasted, case.shown, outlines)]
        rows.append(np.hstack(views))
    columns = [np.vstack(rows[column::3]) for column in range(3) if rows[column::3]]
    lowest = min(column.shape[0] for column in columns)
    cv2.imwrite(str(path), np.hstack([column[:lowest] for column in columns])[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--feather", type=int, default=0, help="see cases.py")
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    prior = load_prior(options.prior)
    found = list(
        cases(
            options.data,
            prior,
            each=options.each,
            jitters=JITTERS,
            seed=options.seed,
            feather=options.feather,
        )
    )
    values, milliseconds = {}, {}
    for name, method in METHODS.items():
        start = time.process_time()
        masks = [method(case) for case in found]
        milliseconds[name] = round(1000 * (time.process_time() - start) / len(found), 2)
        values[name] = np.array(
            [iou(m, case.truth[case.box.slices]) for m, case in zip(masks, found, strict=True)]
        )
    around = [boxes(case, recovered(case)) for case in found]
    rows = []
    for products, group in (("fitted", FITTED), ("held_out", HELD_OUT)):
        for thin in (False, True):
            for jitter in JITTERS:
                chosen = np.array(
                    [c.category in group and c.thin == thin and c.jitter == jitter for c in found]
                )
                medians = {n: round(float(np.median(v[chosen])), 3) for n, v in values.items()}
                rows.append(
                    {
                        "products": products,
                        "thin": thin,
                        "jitter": jitter,
                        "cases": int(chosen.sum()),
                    }
                    | {"median_iou": medians}
                    | {
                        f"box_{name}": round(
                            float(
                                np.mean([b[name] for b, c in zip(around, chosen, strict=True) if c])
                            ),
                            3,
                        )
                        for name in ("asked", "tightened", "held")
                    }
                )
    result = {
        "prior": prior.fingerprint,
        "seed": options.seed,
        "each": options.each,
        "feather": options.feather,
        "fitted": list(FITTED),
        "held_out": list(HELD_OUT),
        "thin_below_pixels": THIN,
        "visible_from": round(VISIBLE, 4),
        "smallest_scale": SMALLEST_SCALE,
        "milliseconds": milliseconds,
        "empty": round(float((values["recovered"] == 0).mean()), 4),
        "rows": rows,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "recovery.json").write_text(json.dumps(result, indent=2) + "\n")
    names = list(METHODS)
    lines = [
        "# Recovered masks against known ones",
        "",
        "The method's numbers were chosen on the fitted products alone; those held out are what",
        "counts. Median IoU; the aims are 0.7, and 0.5 for masks thinner than 5 pixels. Jitter is",
        "noise on the latents of the box, as redrawing leaves it.",
        "`recovered without autoencoder` is the same method on the pasted defect, before any",
        "autoencoder: the annotated masks are looser than what can be seen, and this is what they",
        "allow. Boxes: mean IoU with the truth's own box, and the share of the truth that the",
        "tightened one holds.",
        "",
        f"`python benchmarks/masks/recovery.py --each {options.each} --seed {options.seed} "
        f"--feather {options.feather}`, prior `{prior.fingerprint[:12]}`.",
        "",
        "| products | masks | jitter | cases | "
        + " | ".join(n.replace("_", " ") for n in names)
        + " | box asked for | box tightened | held |",
        "|---|---|---|---|" + "---|" * (len(names) + 3),
    ]
    for row in rows:
        medians = " | ".join(f"{row['median_iou'][name]:.3f}" for name in names)
        kind = f"thinner than {THIN} px" if row["thin"] else "others"
        lines.append(
            f"| {row['products'].replace('_', ' ')} | {kind} | {row['jitter']} | {row['cases']} "
            f"| {medians} | {row['box_asked']:.3f} | {row['box_tightened']:.3f} "
            f"| {row['box_held']:.3f} |"
        )
    lines += ["", f"{milliseconds['recovered']} ms a box on one core.", ""]
    (options.out / "recovery.md").write_text("\n".join(lines))
    if options.sheet:
        sheet(found, options.sheet)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
