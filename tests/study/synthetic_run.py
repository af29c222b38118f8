"""Makes the folder of a finished run, with a small dataset beside it, from nothing but numpy.

Look at its report with ``python tests/study/synthetic_run.py FOLDER``.
"""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file

from anogen.bank.bank import Bank, image_path, mask_path
from anogen.bank.manifest import Entry
from anogen.data.images import write_png
from anogen.files import sha256_of
from anogen.metrics.located import located_share
from anogen.metrics.ranking import ranking_metrics
from anogen.placement.box import Box
from anogen.seeds import rng_of
from anogen.study.gain import gains_of
from anogen.study.report import write_report
from anogen.study.results import (
    DefectMetrics,
    ImageMetrics,
    PixelMetrics,
    Results,
    Run,
    write_results,
)
from anogen.study.scores import Scores, read_scores, write_scores

ARMS = {"procedural": 0.5, "generated": 0.6, "procedural+generated": 0.9}


def part(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """A brushed disc on a dark table."""
    streaks = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), sigmaX=side / 10, sigmaY=0.8)
    y, x = np.mgrid[:side, :side] / side - 0.5
    disc = 1 / (1 + np.exp(60 * (np.hypot(x, y) - 0.42)))
    light = 0.62 + 0.25 * x - 0.1 * y + 0.9 * streaks
    grey = 0.08 + disc * light + 0.01 * rng.normal(size=(side, side))
    return (np.clip(grey, 0, 1)[:, :, None] * [255, 250, 240]).astype(np.uint8)


def damage(
    image: NDArray[np.uint8], defect: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The image with a crack or a hole, and its mask."""
    side = image.shape[0]
    mask = np.zeros((side, side), dtype=np.uint8)
    at = rng.uniform(0.32, 0.62, size=2) * side
    if defect == "crack":
        steps = np.cumsum(rng.normal([side / 28, 0], side / 45, size=(7, 2)), axis=0)
        cv2.polylines(mask, [np.int32(at + steps)], False, 1, max(1, side // 110))
    else:
        cv2.ellipse(mask, np.int32(at).tolist(), [side // 28, side // 20], 30.0, 0, 360, 1, -1)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), side / 250 + 0.4)[:, :, None]
    return (image * (1 - 0.8 * np.minimum(1, 1.4 * soft))).astype(np.uint8), mask > 0


def make_run(
    folder: Path,
    *,
    category: str = "disc",
    defects: tuple[str, ...] = ("crack", "hole"),
    side: int = 64,
    seeds: int = 2,
    tests: int = 8,
    generated: int = 9,
    detectors: tuple[str, ...] = ("draem",),
) -> Path:
    """Make ``folder/dataset`` and ``folder/run``; returns the run's folder."""
    dataset, run = folder / "dataset", folder / "run"
    normals = [f"{category}/train/good/{i:03d}.png" for i in range(5)]
    for key in normals:
        write_png(dataset / key, part(rng_of(key), side))
    for number, defect in enumerate(defects):
        _concept(dataset, run, category, defect, number % 2, side)
    _bank(dataset, run, category, defects, normals, side, generated)
    truth = _test_set(dataset, category, defects, side, tests)
    runs = [
        _detector(run, truth, category, detector, arm, power, seed)
        for detector in detectors
        for arm, power in ARMS.items()
        for seed in range(seeds)
    ]
    results = Results(runs=tuple(runs))
    gains = gains_of(results, lambda r: read_scores(run / r.folder / "scores.npz"), draws=200)
    write_results(run / "results.json", replace_gain(results, gains))
    config = {
        "command": ["anogen", "run", "dataset", "--category", category, "--out", "my run"],
        "dataset": {"root": str(dataset), "layout": "mvtec"},
        "preset": "quick",
        "versions": {"anogen": "0.1.0", "numpy": np.__version__},
        "detection": {"steps": 400, "width": 32},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return run


def replace_gain(results: Results, gains: tuple[object, ...]) -> Results:
    """The results with these gains."""
    return results.model_copy(update={"gain": gains})


def _kind(number: int) -> str:
    return ("crack", "hole")[number % 2]


def _concept(dataset: Path, run: Path, category: str, defect: str, number: int, side: int) -> None:
    shots = []
    for i in range(3):
        key = f"{category}/test/{defect}/{i:03d}.png"
        mask_key = f"{category}/ground_truth/{defect}/{i:03d}_mask.png"
        image, mask = damage(part(rng_of(key), side), _kind(number), rng_of(key, "damage"))
        write_png(dataset / key, image)
        write_png(dataset / mask_key, mask)
        shots.append({"key": key, "sha256": sha256_of(dataset / key)})
    rng = rng_of(category, defect)
    losses = 0.12 + 0.2 * np.exp(-np.arange(40) / 9) + 0.008 * rng.normal(size=40)
    header = {
        "category": category,
        "defect": defect,
        "shots": shots,
        "settings": {"steps": 385, "check_every": 10},
        "losses": losses.round(6).tolist(),
        "version": "0.1.0",
    }
    path = run / "concepts" / category / f"{hashlib.sha256(defect.encode()).hexdigest()[:8]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {"tokens": np.zeros((1, 4), dtype=np.float32)},
        path.with_suffix(".safetensors"),
        metadata={"anogen": json.dumps(header)},
    )


def _bank(
    dataset: Path,
    run: Path,
    category: str,
    defects: tuple[str, ...],
    normals: list[str],
    side: int,
    count: int,
) -> None:
    bank = Bank(run / "bank" / category)
    for number, defect in enumerate(defects):
        for i in range(count):
            identity = f"defect-{number}-{i:03d}"
            rng = rng_of(identity)
            normal = normals[i % len(normals)]
            image, mask = damage(part(rng_of(normal), side), _kind(number), rng)
            box = Box.around(mask)
            faint = i % 4 == 3
            entry = Entry.model_validate(
                {
                    "id": identity,
                    "image": image_path(identity),
                    "mask": mask_path(identity),
                    "box": [
                        max(0, box.x0 - 3),
                        max(0, box.y0 - 3),
                        min(side, box.x1 + 3),
                        min(side, box.y1 + 3),
                    ],
                    "normal": normal,
                    "normal_sha256": sha256_of(dataset / normal),
                    "category": category,
                    "defect": defect,
                    "concept": f"concepts/{category}/{number}.safetensors",
                    "concept_sha256": "0" * 64,
                    "prior": "f00d",
                    "sampler": {"steps": 25},
                    "seed": i,
                    "gate": {"change": round(float(rng.uniform(0.05, 0.4)), 3)},
                    "decision": "rejected" if faint else "accepted",
                    "reason": f"change 0.0{i} is below 0.05" if faint else None,
                    "candidates": _candidates(i),
                    "versions": {"anogen": "0.1.0"},
                }
            )
            bank.add(entry, image, mask.astype(np.float32))
    bank.finish()


def _candidates(number: int) -> list[dict[str, object]]:
    """One drawing; every third image was drawn again first."""
    kept = {"attempt": 0, "seed": number, "gate": {}, "reason": None, "kept": True}
    if number % 3:
        return [kept]
    before = kept | {"reason": f"seam {0.1 * number:.2f} is above 0.05", "kept": False}
    return [before, kept | {"attempt": 1}]


def _test_set(
    dataset: Path, category: str, defects: tuple[str, ...], side: int, count: int
) -> Scores:
    keys, labels, masks = [], [], []
    for number, label in enumerate(("good", *defects)):
        for i in range(count):
            key = f"{category}/test/{label}/{i + 3:03d}.png"
            image, mask = part(rng_of(key), side), np.zeros((side, side), dtype=bool)
            if label != "good":
                image, mask = damage(image, _kind(number - 1), rng_of(key, "damage"))
                write_png(dataset / f"{category}/ground_truth/{label}/{i + 3:03d}_mask.png", mask)
            write_png(dataset / key, image)
            keys.append(key)
            labels.append(label)
            masks.append(mask.astype(np.uint8))
    return Scores(
        keys=np.array(keys),
        labels=np.array(labels),
        image_scores=np.zeros(len(keys), dtype=np.float32),
        score_maps=np.zeros((len(keys), side, side), dtype=np.float16),
        masks=np.stack(masks),
        has_mask=np.array(labels) != "good",
    )


def _detector(
    run: Path, truth: Scores, category: str, detector: str, arm: str, power: float, seed: int
) -> Run:
    rng = rng_of(detector, arm, seed)
    side = truth.masks.shape[1]
    maps = []
    for mask in truth.masks:
        found = power * rng.uniform(0.3, 1) * cv2.GaussianBlur(mask * 1.0, (0, 0), side / 50)
        noise = cv2.GaussianBlur(rng.normal(size=mask.shape), (0, 0), side / 24)
        maps.append(np.clip(found + 1.3 * noise * 64 / side + 0.12, 0, 1))
    stack = np.stack(maps).astype(np.float16)
    scores = replace(truth, score_maps=stack, image_scores=stack.max(axis=(1, 2)).astype("f4"))
    result = Run(
        category=category,
        detector=detector,
        arm=arm,
        seed=seed,
        image=_image(scores),
        pixel=_pixel(scores),
        defects={str(d): _of(scores, d) for d in sorted(set(truth.labels) - {"good"})},
        counts={
            "normals": 5,
            "support": 3,
            "excluded": 3,
            "test_good": int((~truth.defective).sum()),
            "test_defective": int(truth.defective.sum()),
        },
        seconds={"train": 61.5, "evaluate": 4.0},
        settings_hash="3f2a9c",
        versions={"anogen": "0.1.0", "torch": "2.13.0"},
    )
    write_scores(run / result.folder / "scores.npz", scores)
    steps = np.arange(10, 401, 10)
    with (run / result.folder / "train.jsonl").open("w") as log:
        for step in steps:
            focal = 0.5 * np.exp(-step / 90) + 0.01 + 0.004 * rng.random()
            log.write(json.dumps({"step": int(step), "l2": 0.01, "focal": float(focal)}) + "\n")
    return result


def _image(scores: Scores) -> ImageMetrics:
    ranking = ranking_metrics(scores.image_scores, scores.defective)
    return ImageMetrics(auroc=ranking.auroc, ap=ranking.ap, f1max=ranking.f1max)


def _pixel(scores: Scores) -> PixelMetrics:
    ranking = ranking_metrics(scores.score_maps, scores.masks > 0)
    return PixelMetrics(
        auroc=ranking.auroc,
        ap=ranking.ap,
        ap_by_type=ranking.ap,
        f1max=ranking.f1max,
        pro=0.5,
        located=located_share(list(scores.score_maps), list(scores.masks > 0)),
    )


def _of(scores: Scores, defect: str) -> DefectMetrics:
    rows = ~scores.defective | (scores.labels == defect)
    chosen = Scores(**{name: array[rows] for name, array in vars(scores).items()})
    return DefectMetrics(image=_image(chosen), pixel=_pixel(chosen))


if __name__ == "__main__":
    print(
        write_report(
            make_run(
                Path(sys.argv[1]),
                side=256,
                seeds=3,
                tests=20,
                generated=40,
                detectors=("draem", "destseg"),
            )
        )
    )
