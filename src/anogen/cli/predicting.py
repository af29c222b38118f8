"""The verbs that ask a trained detector about new images, or carry it away to do so elsewhere."""

import json
import math
from dataclasses import asdict
from pathlib import Path

from anogen.detection.saved import load_detector
from anogen.errors import InputError
from anogen.study.saying import progress_bar
from anogen.study.score_images import TABLE, images_at, score_images
from anogen.study.trained import model_of, threshold_of


def predict(
    model: Path,
    places: list[Path],
    out: Path,
    *,
    category: str | None,
    detector: str | None,
    arm: str | None,
    seed: int | None,
    threshold: float | None,
    as_json: bool,
) -> None:
    """``anogen predict``."""
    file = model_of(model, category=category, detector=detector, arm=arm, seed=seed)
    for place in places:
        if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise InputError(f"{out}: lies in {place}, whose images are read; name another --out.")
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(f"--threshold {threshold}: give a number, a score from 0 to 1.")
    if threshold is None:
        threshold, origin = threshold_of(file), "best F1 on the run's held-out images"
    else:
        origin = "--threshold"
    images = images_at(places)
    with progress_bar("predict", len(images)) as done:
        scored = score_images(load_detector(file), images, out, threshold=threshold, on_image=done)
    if as_json:
        print(json.dumps([asdict(one) for one in scored], indent=2))
        return
    print(f"detector: {file}")
    if threshold is None:
        print("threshold: none known, no image is called defective; give one with --threshold")
    else:
        print(f"threshold: {threshold:.6f} ({origin})")
        print(f"defective: {sum(bool(one.defective) for one in scored)} of {len(scored)} images")
    print(f"scores: {out / TABLE} ({len(scored)} images)")


def export_onnx(
    model: Path,
    out: Path,
    *,
    category: str | None,
    detector: str | None,
    arm: str | None,
    seed: int | None,
) -> None:
    """``anogen detector export``."""
    from anogen.detection.onnx_file import write_onnx

    file = model_of(model, category=category, detector=detector, arm=arm, seed=seed)
    if out.is_dir():
        raise InputError(f"{out}: is a folder; name the file to write, such as detector.onnx.")
    threshold = threshold_of(file)
    known = {} if threshold is None else {"threshold": repr(threshold)}
    side = write_onnx(file, out, metadata=known)
    print(f"detector: {file}")
    print(f"threshold: {'none known' if threshold is None else f'{threshold:.6f}'}")
    print(f"exported: {out} (image: uint8 N x {side} x {side} x 3, RGB)")
