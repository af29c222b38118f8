"""The verb that asks a trained detector about new images."""

import json
from dataclasses import asdict
from pathlib import Path

from anogen.detection.saved import load_detector
from anogen.errors import InputError
from anogen.study.saying import progress_bar
from anogen.study.score_images import TABLE, images_at, score_images
from anogen.study.trained import model_of


def predict(
    model: Path,
    places: list[Path],
    out: Path,
    *,
    category: str | None,
    detector: str | None,
    arm: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """``anogen predict``."""
    file = model_of(model, category=category, detector=detector, arm=arm, seed=seed)
    for place in places:
        if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise InputError(f"{out}: lies in {place}, whose images are read; name another --out.")
    images = images_at(places)
    with progress_bar("predict", len(images)) as done:
        scored = score_images(load_detector(file), images, out, on_image=done)
    if as_json:
        print(json.dumps([asdict(one) for one in scored], indent=2))
        return
    print(f"detector: {file}")
    print(f"scores: {out / TABLE} ({len(scored)} images)")
