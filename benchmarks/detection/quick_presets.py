"""How well a detector of ``quick`` learns within its time, judged on training images alone.

    OMP_NUM_THREADS=1 python benchmarks/detection/quick_presets.py DATASET CATEGORY draem \
        --set patch=4 --set steps=150

Every fifth good training image is held back. A defect of the support shots is pasted on half of
these (Crop&Paste), and pixel AP over them is what settings are compared by; the test set is not
opened. The detector trains on the arm ``procedural`` over the other good images. One line of JSON
is appended to ``quick_presets.jsonl``: settings, processor seconds, steps, pixel AP.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.metrics import average_precision_score

from anogen.data.dataset import read_dataset
from anogen.data.images import to_rgb8
from anogen.data.loading import load_rgb
from anogen.data.resizing import resize_image
from anogen.data.support import draw_support
from anogen.detection.mixing import Mixture, ProceduralSource, procedural
from anogen.detection.saved import make_detector
from anogen.detection.settings import preset, settings_from
from anogen.study.stages.material import supports_of
from anogen.synthesis.contract import synthesizers

HERE = Path(__file__).parent
HELD_BACK = 5  # every fifth good image
MOST = 24  # held-back images that are judged


def main() -> None:
    """Train once and judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("category")
    parser.add_argument("detector", choices=("unet", "draem", "destseg"))
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    changed = {k: json.loads(v) for k, v in (item.split("=", 1) for item in options.set)}
    values = preset(options.detector, "quick").model_dump() | changed
    settings = settings_from(values, source="--set")
    size = settings.image_size
    (category,) = read_dataset(options.dataset, categories=[options.category])
    goods = load_rgb(category.train, size)
    judged = np.arange(len(goods)) % HELD_BACK == 0
    supports = []
    for samples in draw_support(category, shots=3, seed=0).shots.values():
        for image, mask in supports_of(samples):
            small = resize_image(mask.astype(np.uint8) * 255, size)
            shrunk = small >= min(128, int(small.max()))
            supports.append((resize_image(to_rgb8(image), size), shrunk))
    paste = synthesizers["croppaste"](supports=supports)
    made = {name: synthesizers[name]() for name in ("draem", "cutpaste")}
    sources = [ProceduralSource(procedural(found), name=name) for name, found in made.items()]
    sources.append(ProceduralSource(procedural(paste), name="croppaste"))
    mixture = Mixture(
        goods[~judged], sources, settings=settings.mixture, batch_size=settings.batch_size
    )
    rng = np.random.default_rng(1)
    images = goods[judged][:MOST].copy()
    masks = np.zeros(images.shape[:3], bool)
    for index in range(0, len(images), 2):
        anomaly = paste(images[index], None, rng)
        images[index], masks[index] = anomaly.image, anomaly.mask >= 0.5
    detector = make_detector(settings, seed=0)
    assert settings.steps is not None
    start = time.process_time()
    for step in range(settings.steps):
        loss = detector.step(mixture.batch(step, seed=0))
    seconds = time.process_time() - start
    maps = detector.predict(images).score_maps
    line = {
        "category": options.category,
        "detector": options.detector,
        "set": changed,
        "steps": settings.steps,
        "seconds": round(seconds, 1),
        "pixel AP": round(float(average_precision_score(masks.ravel(), maps.ravel())), 4),
        "last loss": round(loss["total"], 4),
    }
    with (HERE / "quick_presets.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
