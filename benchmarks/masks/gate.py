"""The gate on real defects and on planted failures.

    python benchmarks/masks/gate.py [--data ../shared/data] [--each 5] [--seed 0]

For every defect, three real images are the support shots; other real ones, laid on normals, are to
be accepted where they can be seen at all. Each is then spoilt in one way and is to be rejected.
Writes gate.json and gate.md beside itself.

What of likeness was chosen by looking was chosen on all of these products, with other shots: the
measure and its bound with seeds 30 to 32 (told_types.py). So products held out are so for all but
likeness. What is described, and how, was chosen on capsules and tiles with seeds 0 to 2. The bound
was lowered after seed 8, on which it had kept a seventh of the real defects out. Seed 9
(gate-seed-9.md) decided nothing.
"""

import argparse
import json
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from cases import FITTED, HELD_OUT, VISIBLE, goods_of, shuffled_pools
from numpy.typing import NDArray

from anogen.data.dataset import read_dataset
from anogen.data.images import to_rgb8
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.boxes import Ground, draw_places
from anogen.placement.foreground import foreground
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import LearnedSizes
from anogen.seeds import rng_of
from anogen.study.settings import RunSettings
from anogen.study.stages.goods import Good
from anogen.study.stages.judging import Drawn, Judging
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.gate import overhang
from anogen.synthesis.mask_recovery import recover_mask

SHOTS = 3
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def anomaly_of(image: Pixels, normal: Pixels, box: Box) -> Anomaly:
    """The drawing with the mask that is recovered from it."""
    shown, below = (i[box.slices].astype(np.float32) / 255 for i in (image, normal))
    mask = np.zeros(image.shape[:2], np.float32)
    mask[box.slices] = recover_mask(shown, below, np.ones(shown.shape[:2], dtype=bool))
    return Anomaly(image, box, box.mask(*image.shape[:2]), mask)


def in_its_mask(image: Pixels, normal: Pixels, region: Mask) -> Anomaly:
    """The drawing as one that was asked for in a mask, not in a box."""
    box = Box.around(region)
    shown, below = (i[box.slices].astype(np.float32) / 255 for i in (image, normal))
    mask = np.zeros(region.shape, np.float32)
    mask[box.slices] = recover_mask(shown, below, region[box.slices])
    return Anomaly(image, box, region, mask)


def copied(shot: tuple[Pixels, Mask], normal: Pixels, place: Box, margin: float) -> Anomaly:
    """A shot's defect, pixel for pixel, where another one was drawn."""
    image, mask = shot
    source = Box.around(mask)
    corner = [
        int(np.clip((low + high - side) // 2, 0, size - side))
        for low, high, side, size in (
            (place.x0, place.x1, source.width, mask.shape[1]),
            (place.y0, place.y1, source.height, mask.shape[0]),
        )
    ]
    x, y = corner
    result = normal.copy()
    inside = mask[source.slices]
    result[y : y + source.height, x : x + source.width][inside] = image[source.slices][inside]
    reach = round(margin * max(source.width, source.height))
    box = Box(
        max(x - reach, 0),
        max(y - reach, 0),
        min(x + source.width + reach, mask.shape[1]),
        min(y + source.height + reach, mask.shape[0]),
    )
    return anomaly_of(result, normal, box)


def moved_off(defect: Anomaly, normal: Pixels, legal: Mask) -> Anomaly | None:
    """The defect moved until at least half of it hangs beside the object."""
    box, (height, width) = defect.box, normal.shape[:2]
    found = np.asarray(defect.mask[box.slices] >= 0.5)
    if not found.any():
        return None
    outside = cv2.filter2D(
        (~legal).astype(np.float32),
        -1,
        found.astype(np.float32) / found.sum(),
        anchor=(0, 0),
        borderType=cv2.BORDER_REPLICATE,
    )
    outside = outside[: height - box.height, : width - box.width]
    places = np.argwhere((outside > 0.5) & (outside < 0.7))
    if not len(places):
        return None
    y, x = (int(v) for v in places[len(places) // 2])
    place = Box(x, y, x + box.width, y + box.height)
    image, mask = normal.copy(), np.zeros((height, width), np.float32)
    image[place.slices][found] = defect.image[box.slices][found]
    mask[place.slices] = found
    return Anomaly(image, place, place.mask(height, width), mask)


def failures(
    defect: Anomaly,
    normal: Pixels,
    legal: Mask,
    shot: tuple[Pixels, Mask],
    rng: np.random.Generator,
    margin: float,
) -> dict[str, Anomaly]:
    box = defect.box
    planted = {"nothing drawn": anomaly_of(normal, normal, box)}
    noisy = normal.astype(np.float32)
    noisy[box.slices] += rng.normal(0, 4, noisy[box.slices].shape)
    planted["noise only"] = anomaly_of(noisy.round().clip(0, 255).astype(np.uint8), normal, box)
    off = moved_off(defect, normal, legal)
    if off is not None:
        planted["half off the object"] = off
    # Another shade in the whole box; the mask is that without it, so that only the seam can tell.
    sign = -1 if normal[box.slices].mean() > 128 else 1
    shade = defect.image.astype(np.int64)
    shade[box.slices] += sign * 40
    planted["seam"] = Anomaly(shade.clip(0, 255).astype(np.uint8), box, defect.region, defect.mask)
    image, mask = shot
    planted["copy of a shot"] = Anomaly(
        image, Box.around(mask), Box.around(mask).mask(*mask.shape), mask.astype(np.float32)
    )
    planted["copy of a shot's defect"] = copied(shot, normal, box, margin)
    return planted


def said(judging: Judging, defect: str, good: Good, one: Anomaly) -> str:
    """What the gate of a run says of a drawing: "accepted", or why not."""
    drawn = Drawn(good, Box(0, 0, *one.image.shape[1::-1]), one, 0, 0)
    [settled] = judging.settle([defect], lambda *_: [drawn], earlier={})
    return settled.verdict.reason or "accepted"


def blended(
    real: list[tuple[Pixels, Mask]],
    normal: Pixels,
    legal: Mask,
    rng: np.random.Generator,
    placement: PlacementSettings,
) -> tuple[Anomaly, Mask] | None:
    """One of some real defects on a normal, and its own mask there.

    None where it has no room or cannot be seen.
    """
    image, mask = real[int(rng.integers(len(real)))]
    sizes = LearnedSizes.of_masks([mask], margin=placement.margin, jitter=0.0, turn=False)
    try:
        [place] = draw_places(Ground(legal), sizes, rng, settings=placement, what="case")
    except InputError:
        return None
    reach = overhang(place.box)
    near = cv2.dilate(legal.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1)))
    region = place.mask(*mask.shape) & (near > 0)
    pasted = CropPasteSynthesizer([(image, mask)], turn=20)(normal, region, rng)
    change = cv2.absdiff(pasted.image, normal).max(axis=2)[pasted.mask >= 0.5]
    if change.mean() < VISIBLE * 255:
        return None  # dark on dark: no longer a defect
    return anomaly_of(pasted.image.astype(np.uint8), normal, place.box), pasted.mask >= 0.5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    placement = PlacementSettings()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    held_out: dict[str, list[bool]] = defaultdict(list)
    missed: dict[str, Counter[str]] = defaultdict(Counter)
    by_defect: dict[str, list[bool]] = defaultdict(list)
    for category, folder in (FITTED | HELD_OUT).items():
        root = options.data / folder
        goods = goods_of(root)
        normals, method = goods.normals, goods.method
        pools = shuffled_pools(root, category, seed=options.seed, shots=SHOTS)
        gates = [
            Judging(
                RunSettings.model_validate(
                    {
                        "dataset": {"root": str(root.parent)},
                        "seed": options.seed,
                        "method": of,
                        "bank": {"attempts": 1},
                    }
                ),
                read_dataset(root.parent, categories=[category])[0],
                {defect: real[:SHOTS] for defect, real in pools.items()},
                objects=lambda image, _, method=method: foreground(to_rgb8(image), method),
            )
            for of in ("anogen", "anomalydiffusion")
        ]
        for defect, real in pools.items():
            rng = rng_of(options.seed, "gate", category, defect, "cases")
            shots, others = real[:SHOTS], real[SHOTS:]
            wrong = [one for name, pool in pools.items() if name != defect for one in pool[SHOTS:]]
            in_box, in_mask = (partial(said, judging, defect) for judging in gates)
            for _ in range(options.each):
                normal = normals[int(rng.integers(len(normals)))]
                legal = foreground(normal, method)
                good = Good(normal, legal)
                drawn = blended(others, normal, legal, rng, placement)
                if drawn is None:
                    continue
                one, own = drawn
                answers = {"real defect": in_box(good, one)}
                by_defect[f"{category}/{defect}"].append(answers["real defect"] == "accepted")
                masked = in_its_mask(one.image, normal, own)
                answers["real defect in its mask"] = in_mask(good, masked)
                planted = failures(one, normal, legal, shots[0], rng, placement.margin)
                other = blended(wrong, normal, legal, rng, placement) if wrong else None
                if other is not None:
                    planted["wrong defect type"] = other[0]
                for name, failure in planted.items():
                    answers[name] = in_box(good, failure)
                    if answers[name] == "accepted":
                        missed[name][f"{category}/{defect}"] += 1
                for name, answer in answers.items():
                    reasons[name][answer] += 1
                    if category in HELD_OUT:
                        held_out[name].append(answer == "accepted")
    result = {
        "seed": options.seed,
        "shots": SHOTS,
        "accepted_held_out": {n: round(float(np.mean(v)), 3) for n, v in held_out.items()},
        "answers": {name: dict(counter.most_common()) for name, counter in reasons.items()},
        "missed": {name: dict(counter.most_common()) for name, counter in missed.items()},
        "accepted_of_real": {n: round(float(np.mean(v)), 3) for n, v in by_defect.items()},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gate.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = ["# The gate on real defects and on planted failures", ""]
    lines += [f"`python benchmarks/masks/gate.py --each {options.each} --seed {options.seed}`", ""]
    lines += [
        "| what | cases | accepted | on held-out products | reasons |",
        "|---|---|---|---|---|",
    ]
    for name, counter in reasons.items():
        count = sum(counter.values())
        told = "; ".join(f"{r} {n}" for r, n in counter.most_common() if r != "accepted")
        shares = f"{counter['accepted'] / count:.1%} | {np.mean(held_out[name]):.1%}"
        lines.append(f"| {name} | {count} | {shares} | {told} |")
    planted = [counter for name, counter in reasons.items() if not name.startswith("real")]
    accepted = sum(counter["accepted"] for counter in planted)
    count = sum(sum(counter.values()) for counter in planted)
    lines += ["", f"Of all {count} planted failures, {1 - accepted / count:.1%} are rejected."]
    (options.out / "gate.md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
