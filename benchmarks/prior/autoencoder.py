"""What the embedded autoencoder loses: PSNR and SSIM on windows of products it never saw.

    python benchmarks/prior/autoencoder.py [--data ../shared/data] [--windows 100] [--seed 0]

Writes autoencoder.json beside itself, and autoencoder-worst.png (the worst ten: window, decoded) to
--sheets; most of the data forbid redistribution, so git ignores that folder.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.metrics import structural_similarity
from windows import CATEGORIES, good_images, random_windows

from anogen.prior.loading import load_prior


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/prior"))
    options = parser.parse_args()
    prior = load_prior(options.prior)
    size = prior.image_size
    table, everything = {}, []
    for category in CATEGORIES:
        images = good_images(options.data, category)
        windows = random_windows(images, options.windows, size, seed=options.seed, name=category)
        x = torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            y = torch.cat([prior.decode(prior.encode(part)) for part in torch.split(x, 25)])
        decoded = ((y.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        error = (decoded.astype(float) - windows) ** 2
        psnr = -10 * np.log10(np.maximum(error.mean(axis=(1, 2, 3)) / 255**2, 1e-8))
        ssim = [
            structural_similarity(a, b, channel_axis=2)
            for a, b in zip(windows, decoded, strict=True)
        ]
        table[category] = {
            "psnr": round(float(psnr.mean()), 2),
            "psnr_worst_tenth": round(float(np.sort(psnr)[: len(psnr) // 10].mean()), 2),
            "ssim": round(float(np.mean(ssim)), 4),
        }
        everything += list(zip(psnr, windows, decoded, strict=True))
    result = {
        "prior": prior.fingerprint,
        "windows": options.windows,
        "seed": options.seed,
        "categories": table,
        "mean_psnr": round(float(np.mean([row["psnr"] for row in table.values()])), 2),
        "worst_category_psnr": min(row["psnr"] for row in table.values()),
        "mean_ssim": round(float(np.mean([row["ssim"] for row in table.values()])), 4),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    options.sheets.mkdir(parents=True, exist_ok=True)
    (options.out / "autoencoder.json").write_text(json.dumps(result, indent=2) + "\n")
    worst = sorted(everything, key=lambda item: item[0])[:10]
    sheet = np.vstack([np.hstack([w[1] for w in worst]), np.hstack([w[2] for w in worst])])
    cv2.imwrite(str(options.sheets / "autoencoder-worst.png"), sheet[..., ::-1])
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
