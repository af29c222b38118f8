"""The gate on real defects and on planted failures.

    python benchmarks/masks/gate.py [--data ../shared/data] [--each 20] [--seed 0]

For every defect, three real images are the support shots; other real ones, laid on normals, are to
be accepted where they can be seen at all. Each is then spoilt in one way and is to be rejected.
Writes gate.json and gate.md beside itself.
"""

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from cases import FITTED, HELD_OUT, VISIBLE, WHOLE, real_defects
from numpy.typing import NDArray

from anogen.data.images import read_image, to_rgb8
from anogen.detection.teacher import Teacher, make_teacher
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.boxes import Ground, draw_places
from anogen.placement.foreground import choose_method, foreground
from anogen.placement.settings import PlacementSettings
from anogen.placement.sizes import LearnedSizes
from anogen.seeds import rng_of
from anogen.study.stages.judging import NETWORK, described
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.gate import Limits, calibrated, judge, overhang
from anogen.synthesis.likeness import least_likeness, likeness
from anogen.synthesis.mask_recovery import recover_mask
from anogen.synthesis.miniatures import distance_to, miniature

SHOTS = 3
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def anomaly_of(image: Pixels, normal: Pixels, box: Box) -> Anomaly:
    """The drawing with the mask that is recovered from it."""
    shown, below = (i[box.slices].astype(np.float32) / 255 for i in (image, normal))
    mask = np.zeros(image.shape[:2], np.float32)
    mask[box.slices] = recover_mask(shown, below, np.ones(shown.shape[:2], dtype=bool))
    return Anomaly(image, box, box.mask(*image.shape[:2]), mask)


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
    return planted


@dataclass(frozen=True)
class Gate:
    """The gate of one defect; ``known`` are the descriptors of all shots of the product."""

    network: Teacher
    limits: Limits
    shots: list[Pixels]
    known: dict[str, NDArray[np.float32]]
    defect: str

    def __call__(self, normal: Pixels, legal: Mask, one: Anomaly) -> str:
        found = one.mask >= 0.5
        like = None
        if len(self.known) > 1 and found.any():
            like = likeness(described(self.network, one.image, found), self.known, self.defect)
        distance = distance_to(one.image, [miniature(shot) for shot in self.shots])
        verdict = judge(
            normal, one, self.limits, on_object=legal, distance=distance, likeness=like
        )
        return verdict.reason or "accepted"


def blended(
    real: list[tuple[Pixels, Mask]],
    normal: Pixels,
    legal: Mask,
    rng: np.random.Generator,
    placement: PlacementSettings,
) -> Anomaly | None:
    """One of some real defects on a normal; None where it has no room or cannot be seen."""
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
    return anomaly_of(pasted.image.astype(np.uint8), normal, place.box)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    placement = PlacementSettings()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    missed: dict[str, Counter[str]] = defaultdict(Counter)
    network = make_teacher(NETWORK)
    by_defect: dict[str, list[bool]] = defaultdict(list)
    for category, folder in (FITTED | HELD_OUT).items():
        root = options.data / folder
        normals = [to_rgb8(read_image(p)) for p in sorted((root / "train" / "good").glob("*.png"))]
        method = choose_method(normals)
        pools = {}
        for defect in sorted(p.name for p in (root / "ground_truth").iterdir()):
            real = [] if defect in WHOLE else real_defects(root, defect)
            if len(real) > SHOTS:
                order = rng_of(options.seed, "gate", category, defect).permutation(len(real))
                pools[defect] = [real[i] for i in order]
        known = {
            defect: np.stack([described(network, image, mask) for image, mask in real[:SHOTS]])
            for defect, real in pools.items()
        }
        for defect, real in pools.items():
            rng = rng_of(options.seed, "gate", category, defect, "cases")
            shots, others = real[:SHOTS], real[SHOTS:]
            images = [image for image, _ in shots]
            limits = calibrated(
                shots,
                normals[:: max(1, len(normals) // 12)][:12],
                margin=placement.margin,
                objects=[foreground(image, method) for image in images],
            )
            limits = replace(limits, least_likeness=least_likeness(known))
            wrong = [one for name, pool in pools.items() if name != defect for one in pool[SHOTS:]]

            ask = Gate(network, limits, images, known, defect)
            for _ in range(options.each):
                normal = normals[int(rng.integers(len(normals)))]
                legal = foreground(normal, method)
                drawn = blended(others, normal, legal, rng, placement)
                if drawn is None:
                    continue
                answer = ask(normal, legal, drawn)
                reasons["real defect"][answer] += 1
                by_defect[f"{category}/{defect}"].append(answer == "accepted")
                planted = failures(drawn, normal, legal, shots[0], rng)
                other = blended(wrong, normal, legal, rng, placement) if wrong else None
                if other is not None:
                    planted["wrong defect type"] = other
                for name, one in planted.items():
                    answer = ask(normal, legal, one)
                    reasons[name][answer] += 1
                    if answer == "accepted":
                        missed[name][f"{category}/{defect}"] += 1
    result = {
        "seed": options.seed,
        "shots": SHOTS,
        "answers": {name: dict(counter.most_common()) for name, counter in reasons.items()},
        "missed": {name: dict(counter.most_common()) for name, counter in missed.items()},
        "accepted_of_real": {n: round(float(np.mean(v)), 3) for n, v in by_defect.items()},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gate.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = ["# The gate on real defects and on planted failures", ""]
    lines += [f"`python benchmarks/masks/gate.py --each {options.each} --seed {options.seed}`", ""]
    lines += ["| what | cases | accepted | reasons |", "|---|---|---|---|"]
    for name, counter in reasons.items():
        count = sum(counter.values())
        told = "; ".join(f"{r} {n}" for r, n in counter.most_common() if r != "accepted")
        lines.append(f"| {name} | {count} | {counter['accepted'] / count:.1%} | {told} |")
    (options.out / "gate.md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
