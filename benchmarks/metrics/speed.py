"""Exact pixel metrics of 10^7 pixels against scikit-learn, on one core in one run.

    OMP_NUM_THREADS=1 python benchmarks/metrics/speed.py

Writes ``speed.json`` and ``speed.md`` beside this file. Each time is the best of three.
"""

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from anogen.metrics import Histogram, pro, ranking_metrics

PIXELS = 10_000_000
SIDE = 1000
REPEATS = 3
HERE = Path(__file__).parent


def pixels(dtype: type, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Ten maps of 1000 x 1000 sigmoid scores, square defects that cover ``share``."""
    rng = np.random.default_rng(0)
    masks = np.zeros((PIXELS // SIDE**2, SIDE, SIDE), dtype=bool)
    side = round(SIDE * share**0.5)
    masks[:, 10 : 10 + side, 10 : 10 + side] = True
    logits = rng.normal(size=masks.shape) * 2 - 4 + 5 * masks
    return (1 / (1 + np.exp(-logits))).astype(dtype), masks


def seconds(action: Callable[[], object]) -> float:
    """The shortest of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def measured(dtype: type, share: float) -> dict[str, object]:
    """Times and the largest difference in value for one type of scores."""
    maps, masks = pixels(dtype, share)
    flat, truth = maps.ravel(), masks.ravel()
    # The same values; float32 is what a detector would hand to scikit-learn.
    wide = flat.astype(np.float32) if dtype is np.float16 else flat
    ours = ranking_metrics(flat, truth)
    theirs = roc_auc_score(truth, wide), average_precision_score(truth, wide)
    histogram = Histogram()
    for score_map, mask in zip(maps, masks, strict=True):
        histogram.update(score_map, mask)
    streamed = histogram.result()

    def stream() -> None:
        once = Histogram()
        for score_map, mask in zip(maps, masks, strict=True):
            once.update(score_map, mask)
        once.result()

    reference = seconds(lambda: (roc_auc_score(truth, wide), average_precision_score(truth, wide)))
    exact = seconds(lambda: ranking_metrics(flat, truth))
    assert ours.auroc is not None
    assert ours.ap is not None
    assert streamed.auroc is not None
    assert streamed.ap is not None
    return {
        "scores": np.dtype(dtype).name,
        "defective": share,
        "scikit_learn_auroc_ap_s": round(reference, 3),
        "ranking_metrics_s": round(exact, 3),
        "times_faster": round(reference / exact, 1),
        "largest_difference": max(abs(ours.auroc - theirs[0]), abs(ours.ap - theirs[1])),
        "pro_s": round(seconds(lambda: pro(maps, masks)), 3),
        "histogram_s": round(seconds(stream), 3),
        "histogram_difference": max(abs(streamed.auroc - ours.auroc), abs(streamed.ap - ours.ap)),
    }


def main() -> None:
    rows = [
        measured(dtype, share)
        for dtype, share in [
            (np.float16, 0.02),
            (np.float32, 0.02),
            (np.float32, 0.5),
            (np.float64, 0.02),
        ]
    ]
    packages = {name: version(name) for name in ("numpy", "scikit-learn")}
    result = {"pixels": PIXELS, "machine": platform.machine(), "versions": packages, "rows": rows}
    (HERE / "speed.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = [
        "# Exact pixel metrics of 10^7 pixels, seconds on one core",
        "",
        "AUROC, AP and F1-max exactly (`ranking_metrics`) against scikit-learn's "
        "`roc_auc_score` + `average_precision_score` in the same run; best of three. "
        f"numpy {packages['numpy']}, scikit-learn {packages['scikit-learn']}. "
        "Made by `speed.py`.",
        "",
        "| scores | defective | scikit-learn | ours | times faster | largest difference "
        "| PRO | histogram | its difference |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['scores']} | {row['defective']:.0%} | {row['scikit_learn_auroc_ap_s']} "
        f"| {row['ranking_metrics_s']} | {row['times_faster']} | {row['largest_difference']:.0e} "
        f"| {row['pro_s']} | {row['histogram_s']} | {row['histogram_difference']:.0e} |"
        for row in rows
    ]
    (HERE / "speed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
