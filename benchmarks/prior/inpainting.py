"""A box of a good part, redrawn with the word `normal`: how far from real does it come out?

    python benchmarks/prior/inpainting.py [--prior embedded] [--data ../shared/data] [--seed 0]

Boxes of 24 to 64 pixels on good parts are blanked and redrawn from their surroundings (20 solver
steps from pure noise). Box crops redrawn, and merely decoded by the autoencoder, are compared with
real good windows of other places by the distances of features.py: `nearest`, the mean distance to
the nearest of 200 real crops of that category (a redrawn box need not equal what was there), and
`frechet` over the categories together (every category's features centred and scaled alike). Each
is reported as a ratio to what decoding alone causes. These ratios are lenient, because decoding
alone moves the features far; so three more columns stand beside them: `real`, the floor (crops of
real windows); `telea`, a control that anybody can tell (the box filled by OpenCV's Telea
inpainting); and `told_apart`, the AUROC of a logistic regression that tells redrawn crops from
decoded ones (5 folds over windows; 0.5 is indistinguishable).

Writes inpainting.json beside itself and the sheet (normal with box, decoded, redrawn) to --sheets;
most of the data forbid redistribution, so git ignores that folder.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from features import CROP, Extractor, Features, box_crop, deviation, frechet, nearest
from numpy.typing import NDArray
from sheets import row, write_sheet
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from windows import CATEGORIES, good_images

from anogen.placement.box import Box
from anogen.placement.foreground import choose_method, foreground
from anogen.placement.window import window_around
from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.seeds import rng_of

BANK = 200
"""Real crops of each category that others are compared with."""

Window128 = NDArray[np.uint8]


def windows_with_boxes(
    goods: list[Window128], count: int, *, size: int, rng: np.random.Generator
) -> tuple[list[Window128], list[Box]]:
    """Windows of good images and a box of 24 to 64 pixels in each, at least half on the object."""
    method = choose_method(goods)
    legal = [foreground(image, method) for image in goods]
    windows: list[Window128] = []
    boxes: list[Box] = []
    while len(windows) < count:
        index = int(rng.integers(len(goods)))
        height, width = legal[index].shape
        across, down = (int(side) for side in rng.integers(24, 65, 2))
        x, y = int(rng.integers(0, width - across)), int(rng.integers(0, height - down))
        box = Box(x, y, x + across, y + down)
        if legal[index][box.slices].mean() < 0.5:
            continue
        window = window_around(box, height, width, size=size, context=1.0)
        windows.append(np.clip(window.cut(goods[index], size), 0, 255).astype(np.uint8))
        boxes.append(Box(x - window.x, y - window.y, box.x1 - window.x, box.y1 - window.y))
    return windows, boxes


@torch.no_grad()
def redraw(
    prior: LatentDiffusion, windows: list[Window128], boxes: list[Box], *, seed: int
) -> tuple[list[Window128], list[Window128]]:
    """Windows merely decoded, and with their boxes redrawn."""
    decoded: list[Window128] = []
    redrawn: list[Window128] = []
    size = prior.image_size
    for start in range(0, len(windows), 10):
        some = slice(start, start + 10)
        x = torch.from_numpy(np.stack(windows[some])).permute(0, 3, 1, 2).float() / 127.5 - 1
        masks = np.stack([box.mask(size, size) for box in boxes[some]]).astype(np.float32)
        region = F.avg_pool2d(torch.from_numpy(masks)[:, None], size // prior.latent_size)
        normal = prior.encode(x)
        generator = torch.Generator().manual_seed(seed + start)
        latents = blended_sampling(
            prior,
            normal=normal,
            region=region,
            context=prior.word_tokens("normal").expand(len(x), -1, -1),
            surroundings=normal * (1 - region) if prior.inpainting else None,
            noise=torch.randn(normal.shape, generator=generator),
            settings=SamplerSettings(steps=20, guidance=1.0),
        )
        decoded += _pixels(prior.decode(normal))
        redrawn += _pixels(prior.decode(latents))
    return decoded, redrawn


def _pixels(images: torch.Tensor) -> list[Window128]:
    pixels = ((images.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    return list(pixels)


def compare(
    extract: Extractor, sets: dict[str, tuple[list[Window128], list[Box]]]
) -> tuple[dict[str, float], dict[str, Features]]:
    """Mean nearest distance of each set to the ``bank``, and all features scaled by it."""
    features = {
        name: extract([box_crop(w, b) for w, b in zip(*pair, strict=True)])
        for name, pair in sets.items()
    }
    scale, centre = deviation(features["bank"]), features["bank"].mean(axis=0)
    features = {name: (rows - centre) / scale for name, rows in features.items()}
    bank = features["bank"]
    return {n: nearest(rows, bank) for n, rows in features.items() if n != "bank"}, features


def told_apart(drawn: Features, decoded: Features) -> float:
    """AUROC, cross-validated over windows, of a classifier that tells the two sets apart."""
    x = np.vstack([drawn, decoded])
    y = np.repeat([1, 0], [len(drawn), len(decoded)])
    # A window's redrawn and decoded crops share a fold: its place cannot give it away.
    window = np.concatenate([np.arange(len(drawn)), np.arange(len(decoded))])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    scores = cross_val_predict(
        model, x, y, groups=window, cv=GroupKFold(5), method="decision_function"
    )
    return float(roc_auc_score(y, scores))


def telea(window: Window128, box: Box) -> Window128:
    """The window with its box filled from the border inwards (Telea 2004)."""
    mask = box.mask(*window.shape[:2]).astype(np.uint8)
    filled: Window128 = cv2.inpaint(window, mask, 3, cv2.INPAINT_TELEA)
    return filled


def outlined(window: Window128, box: Box) -> Window128:
    """The window with its box drawn in."""
    picture = window.copy()
    cv2.rectangle(picture, (box.x0, box.y0), (box.x1 - 1, box.y1 - 1), (255, 40, 40), 1)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--windows", type=int, default=40, help="of each category")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/prior"))
    options = parser.parse_args()
    prior, extract = load_prior(options.prior), Extractor()
    table: dict[str, Any] = {}
    pooled: dict[str, list[Features]] = {}
    rows = []
    for category in CATEGORIES:

        def some(name: str, count: int, category: str = category) -> tuple[list[Any], list[Box]]:
            return windows_with_boxes(
                good_images(options.data, category),
                count,
                size=CROP,
                rng=rng_of(options.seed, "inpainting", name, category),
            )

        windows, boxes = some("redrawn", options.windows)
        decoded, redrawn = redraw(prior, windows, boxes, seed=options.seed)
        sets = {
            "bank": some("bank", BANK),
            "real": (windows, boxes),
            "decoded": (decoded, boxes),
            "redrawn": (redrawn, boxes),
            "telea": ([telea(*pair) for pair in zip(decoded, boxes, strict=True)], boxes),
        }
        near, features = compare(extract, sets)
        for name, values in features.items():
            pooled.setdefault(name, []).append(values)
        table[category] = {name: round(value, 4) for name, value in near.items()} | {
            "ratio": round(near["redrawn"] / near["decoded"], 3),
            "ratio_telea": round(near["telea"] / near["decoded"], 3),
        }
        for title, images in (
            (f"{category}: normal", [outlined(*p) for p in zip(windows, boxes, strict=True)][:10]),
            ("decoded", decoded[:10]),
            ("redrawn", redrawn[:10]),
        ):
            rows.append(row(title, images, columns=10))
        print(category, table[category], flush=True)
    whole = {name: np.vstack(parts) for name, parts in pooled.items()}
    far = {n: frechet(v, whole["bank"]) for n, v in whole.items() if n != "bank"}

    def mean(key: str) -> float:
        return round(float(np.mean([line[key] for line in table.values()])), 3)

    result = {
        "prior": prior.fingerprint,
        "windows": options.windows,
        "seed": options.seed,
        "nearest": table,
        "nearest_ratio": mean("ratio"),
        "nearest_ratio_worst": max(line["ratio"] for line in table.values()),
        "nearest_ratio_telea": mean("ratio_telea"),
        "frechet": {name: round(value, 4) for name, value in far.items()},
        "frechet_ratio": round(far["redrawn"] / far["decoded"], 3),
        "frechet_ratio_telea": round(far["telea"] / far["decoded"], 3),
        "told_apart": round(told_apart(whole["redrawn"], whole["decoded"]), 3),
        "told_apart_telea": round(told_apart(whole["telea"], whole["decoded"]), 3),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "inpainting.json").write_text(json.dumps(result, indent=2) + "\n")
    write_sheet(options.sheets / "inpainting.jpg", rows)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
