"""Do defects lie where ``placement.where=alike`` expects them? Left-out shots of many products.

    python benchmarks/placement/alike.py [--data ../shared/data/mvtec_fewshot ...] [--shots 3]

For each defect with more shots than ``--shots``, each of up to ``--most`` is left out once:
surroundings are learned from the first ``--shots`` of the others, and how densely places fall onto
what of the left-out defect lies on the object, its own pixels hidden from its surroundings, is
compared with places anywhere on the object: the mean logarithm of the ratio, in nats (0: no better
than anywhere; 0.7: twice as dense). Writes alike.md beside itself.

How much the place along screws counts was chosen on these screws; how widely depths are spread, and
how much those of no shot count, on all of these products (any of nine values brought 0.07 to 0.13);
so was that each shot counts alike (0.07; before, places like any shot's counted, 0.43 in all).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from anogen.data.dataset import read_dataset
from anogen.data.images import read_image, to_rgb8
from anogen.data.sample import Category
from anogen.placement.centres import ELSEWHERE
from anogen.placement.context import Scene, Small, context_of
from anogen.placement.foreground import choose_method, foreground
from anogen.study.stages.judging import PROBES
from anogen.study.stages.material import supports_of

PRODUCTS = ("mvtec_fewshot", "mvtec_screw", "magnetic_tile", "hazelnut_toy", "aws_cookie")

LEAST_GOODS = 3
"""Good images of a product, to tell what is usual."""


def main() -> None:
    """Measure all products and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=[Path("../shared/data") / name for name in PRODUCTS],
    )
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--most", type=int, default=8)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    lines = [
        "# Places alike, against places anywhere on the object",
        "",
        f"`python benchmarks/placement/alike.py --shots {options.shots} --most {options.most}`:",
        "logarithm of the density at left-out defects over that of places anywhere on the object,",
        "in nats, means over shots.",
        "",
        "| product | defect | shots | gain |",
        "|---|---|---|---|",
    ]
    gains = []
    for root in options.data:
        names = [
            folder.name
            for folder in sorted(root.iterdir())
            if len(list((folder / "train" / "good").glob("*.png"))) >= LEAST_GOODS
        ]
        for category in read_dataset(root, categories=names):
            for defect, found in gains_of(category, options.shots, options.most).items():
                gains.append(float(np.mean(found)))
                lines.append(f"| {category.name} | {defect} | {len(found)} | {gains[-1]:+.2f} |")
    spread = np.std(gains, ddof=1) / np.sqrt(len(gains))
    lines.append(f"| mean | {len(gains)} defects | | {np.mean(gains):+.2f} ± {spread:.2f} |")
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def gains_of(category: Category, count: int, most: int) -> dict[str, list[float]]:
    """The gains of every left-out shot, by defect."""
    probes = category.train[:: max(1, len(category.train) // PROBES)][:PROBES]
    goods = [to_rgb8(read_image(sample.image)) for sample in probes]
    method = choose_method(goods)
    usual = [Scene(image, foreground(image, method)).small() for image in goods]
    found: dict[str, list[float]] = {}
    for defect in category.defects:
        # Of images of one part the first: the others would be left out and learned from at once.
        parts = {sample.group or sample.key: sample for sample in reversed(category.of(defect))}
        samples = [sample for sample in reversed(parts.values()) if sample.mask]
        shots = [
            Scene(to_rgb8(image), foreground(to_rgb8(image), method), mask)
            for image, mask in supports_of(samples[:most])
        ]
        if len(shots) <= count:
            continue
        for left, shot in enumerate(shots):
            others = [other for index, other in enumerate(shots) if index != left]
            found.setdefault(defect, []).append(_gain(others[:count], shot, usual))
    return found


def _gain(shots: list[Scene], left: Scene, usual: list[Small]) -> float:
    assert left.defect is not None
    where = left.defect & left.object
    if not where.any():
        return 0.0
    context = context_of(shots, usual)
    alike = context.likeness(left.small(), where.shape)
    # As densely as anywhere: 1.
    density = (1 - ELSEWHERE) * alike / max(float(alike[left.object].mean()), 1e-9) + ELSEWHERE
    return float(np.log(density[where].mean()))


if __name__ == "__main__":
    main()
