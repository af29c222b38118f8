"""How well a detector of ``quick`` learns within its time, judged on training images alone.

    OMP_NUM_THREADS=1 python benchmarks/detection/quick_presets.py DATASET CATEGORY draem \
        --set patch=4 --set steps=150

Every fifth good training image is held back, and judged beside the support shots themselves: image
AUROC and pixel AP over both are what settings are compared by; the test set is not opened. The
detector trains on the other good images with the anomalies of ``--sources``, none of which knows
the shots. One line of JSON is appended to ``quick_presets.jsonl``: settings, processor seconds,
steps, figures. Lines with ``objects: otsu`` were made when objects were found by Otsu's threshold,
before this script found them as a run does.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from anogen.data.dataset import read_dataset
from anogen.data.images import to_rgb8
from anogen.data.loading import load_rgb
from anogen.data.resizing import resize_image
from anogen.data.support import draw_support
from anogen.data.textures import TextureSource
from anogen.detection.mixing import Mixture, ProceduralSource, procedural
from anogen.detection.saved import make_detector
from anogen.detection.settings import preset, settings_from
from anogen.study.stages.material import supports_of
from anogen.study.stages.objects import objects_of
from anogen.synthesis.contract import synthesizers

HERE = Path(__file__).parent
HELD_BACK = 5  # every fifth good image


def main() -> None:
    """Train once and judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("category")
    parser.add_argument("detector", choices=("unet", "draem", "destseg"))
    parser.add_argument("--sources", nargs="+", choices=("draem", "cutpaste"), default=["draem"])
    parser.add_argument("--textures", type=Path, help="folder of textures for draem")
    parser.add_argument("--anywhere", action="store_true", help="not only on the object")
    parser.add_argument("--seed", type=int, default=0)
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
    made = {"cutpaste": synthesizers["cutpaste"](), "draem": synthesizers["draem"]()}
    if options.textures is not None:
        source = TextureSource(options.textures, size=size)
        made["draem"] = synthesizers["draem"](textures=lambda rng: source.draw(rng, size))
    objects = None if options.anywhere else objects_of(goods[~judged], "auto")
    sources = [
        ProceduralSource(procedural(made[name]), name=name, objects=objects)
        for name in options.sources
    ]
    mixture = Mixture(
        goods[~judged], sources, settings=settings.mixture, batch_size=settings.batch_size
    )
    images = list(goods[judged])
    masks = [np.zeros((size, size), bool) for _ in images]
    for samples in draw_support(category, shots=3, seed=0).shots.values():
        for image, mask in supports_of(samples):
            small = resize_image(mask.astype(np.uint8) * 255, size)
            images.append(resize_image(to_rgb8(image), size))
            masks.append(small >= min(128, int(small.max())))
    truth = np.stack(masks)
    detector = make_detector(settings, seed=options.seed)
    assert settings.steps is not None
    start = time.process_time()
    for step in range(settings.steps):
        loss = detector.step(mixture.batch(step, seed=options.seed))
    seconds = time.process_time() - start
    prediction = detector.predict(np.stack(images))
    scores, defective = prediction.image_scores, truth.any(axis=(1, 2))
    maps = prediction.score_maps.astype(np.float32)
    line = {
        "category": options.category,
        "detector": options.detector,
        "set": changed,
        "sources": options.sources,
        "anywhere": options.anywhere,
        "textures": options.textures is not None,
        "seed": options.seed,
        "steps": settings.steps,
        "seconds": round(seconds, 1),
        "image AUROC": round(float(roc_auc_score(defective, scores)), 4),
        "pixel AP": round(float(average_precision_score(truth.ravel(), maps.ravel())), 4),
        "last loss": round(loss["total"], 4),
    }
    with (HERE / "quick_presets.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
