"""Do defects fill their masks? With and without attention re-weighting, and what each form costs.

    python benchmarks/anomalydiffusion/filling.py [--count 200] [--data ../shared/data] [--seed 0]

Masks are varied from those of three shots a defect; only irregular ones (several parts, or less
than SOLID of their convex hull) are taken, two near each other joined where one alone is not. A
pixel has visibly changed where the difference of CIELAB colour, smoothed over a pixel, exceeds
VISIBLE. All variants draw the same masks on the same good parts with the same noise; drawings from
noise, from the normal and from a sketch are reported apart, and beside them what the sketch fills
before anything is drawn. Cost is the processor time of the sampling steps alone, as a multiple of
plain sampling in the same turn; the median of --repeats turns.

Every finished batch is a line in --work, and learned concepts lie there too: started again it goes
on. Writes filling.json and filling.md beside itself, and a sheet to --sheet (most of the data
forbid redistribution: where git ignores it).
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from anogen.concept.concept import Concept, load_concept
from anogen.concept.learning import learn_concepts
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot
from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.files import sha256_of, write_text
from anogen.placement.box import Box
from anogen.placement.boxes import Ground
from anogen.placement.foreground import choose_method, foreground
from anogen.placement.masks import MaskVariation
from anogen.placement.settings import PlacementSettings
from anogen.placement.window import window_around
from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.seeds import rng_of, seed_of
from anogen.synthesis import diffusion
from anogen.synthesis.anomalydiffusion import AnomalyDiffusionSynthesizer
from anogen.synthesis.mask_fill import MaskFill
from anogen.synthesis.settings import SynthesisSettings

DEFECTS = {
    "magnetic_tile/magnetic_tile": ("blowhole", "crack"),
    "mvtec_screw/screw": ("manipulated_front", "scratch_neck"),
    "mvtec_fewshot/leather": ("cut",),
    "mvtec_fewshot/hazelnut": ("crack",),
    "aws_cookie/cookie": ("crack",),
}

VARIANTS: dict[str, dict[str, Any]] = {
    "none": {"reweighting": "none"},
    "fast": {"reweighting": "fast"},
    "paper": {"reweighting": "paper"},
    "official": {"reweighting": "official"},
}

INITS = ("noise", "normal", "sketch")

SHOWN = ("none", "fast")
"""Variants on the sheet."""

SOLID = 0.8
"""Share of its convex hull below which a mask in one part is irregular."""

VISIBLE = 5.0
"""CIELAB units; 2.3 is a difference that is just noticed side by side."""

BATCH = 4

TRIES = 12
"""Second masks, of which the one nearest to the first is taken."""


class Product:
    """A category's shots, good parts and masks."""

    def __init__(self, root: Path, defects: tuple[str, ...]) -> None:
        self.root = root
        self.goods = [to_rgb8(read_image(p)) for p in sorted((root / "train/good").glob("*.png"))]
        method = choose_method(self.goods)
        self.method = method
        self.shots = {defect: _shots(root, defect) for defect in defects}
        self.masks = {
            defect: MaskVariation(
                [shot.mask for shot in shots],
                objects=[foreground(shot.image, method) for shot in shots],
                settings=PlacementSettings(),
            )
            for defect, shots in self.shots.items()
        }

    def job(self, defect: str, number: int, seed: int) -> diffusion.Job:
        """An irregular mask on a good part."""
        rng = rng_of(seed, "filling", self.root.name, defect, number)
        normal = self.goods[int(rng.integers(len(self.goods)))]
        ground = Ground(foreground(normal, self.method))
        first = self.masks[defect].draw(ground, rng, what=defect)
        mask = first.mask(*normal.shape[:2])
        if not irregular(mask):
            others = [self.masks[defect].draw(ground, rng, what=defect) for _ in range(TRIES)]
            nearest = min(others, key=lambda other: gap(first.box, other.box))
            mask |= nearest.mask(*mask.shape)
        return diffusion.Job(normal, mask, rng)


def _shots(root: Path, defect: str) -> list[Shot]:
    found = []
    for path in sorted((root / "test" / defect).glob("*.png")):
        masks = list((root / "ground_truth" / defect).glob(f"{path.stem}*.png"))
        image = to_rgb8(read_image(path))
        mask = read_mask(masks[0], image.shape[:2])
        if mask.sum() >= 12 and len(found) < 3:
            found.append(Shot(f"{defect}/{path.name}", sha256_of(path), image, mask))
    return found


def gap(box: Box, other: Box) -> int:
    """Pixels between two boxes along the axis where there are more; negative where they meet."""
    return max(box.x0 - other.x1, other.x0 - box.x1, box.y0 - other.y1, other.y0 - box.y1)


def irregular(mask: NDArray[np.bool_]) -> bool:
    """Several parts, or far from convex."""
    if cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] > 2:
        return True
    hull = cv2.convexHull(cv2.findNonZero(mask.astype(np.uint8)))
    return bool(mask.sum() < SOLID * max(cv2.contourArea(hull), 1))


def filled(shown: NDArray[Any], job: diffusion.Job) -> float:
    """Share of the mask that was asked for whose colour visibly changed."""
    before, after = (
        cv2.GaussianBlur(
            cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 1.0
        )
        for image in (job.normal, shown)
    )
    difference = np.linalg.norm(after - before, axis=2)
    return float((difference[job.region] > VISIBLE).mean())


def concepts_of(
    prior: LatentDiffusion, product: Product, options: argparse.Namespace
) -> dict[str, Concept]:
    """Concepts of a product, learned once for each prior, number of steps and seed."""
    name = f"{product.root.name}-{prior.fingerprint}-{options.learn_steps}-{options.seed}"
    paths = {defect: options.work / f"{name}-{defect}.safetensors" for defect in product.shots}
    if not all(path.exists() for path in paths.values()):
        settings = ConceptSettings.model_validate(
            {"tokens": 8, "spatial": "light", "views": 8, "steps": options.learn_steps}
        )
        seed = seed_of(options.seed, "filling")
        for concept in learn_concepts(
            prior, product.shots, category=product.root.name, settings=settings, seed=seed
        ):
            concept.save(paths[concept.defect])
    return {defect: load_concept(path) for defect, path in paths.items()}


def batches(options: argparse.Namespace) -> Iterator[tuple[str, str, range]]:
    """Product, defect and numbers of each batch, in turn, so that few cover all of them."""
    defects = [(product, defect) for product, names in DEFECTS.items() for defect in names]
    each, more = divmod(options.count, len(defects))
    for start in range(0, each + 1, BATCH):
        for index, (product, defect) in enumerate(defects):
            stop = min(start + BATCH, each + (index < more))
            if start < stop:
                yield product, defect, range(start, stop)


def settings_of(variant: str, init: str, options: argparse.Namespace) -> SynthesisSettings:
    given = {"steps": options.steps, "strength": options.strength}
    chosen = {name: value for name, value in given.items() if value is not None}
    return SynthesisSettings.model_validate(VARIANTS[variant] | chosen | {"init": init})


class Stopwatch:
    """Stands before the sampler and adds up its processor time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sampler = diffusion.blended_sampling
        diffusion.blended_sampling = self.timed  # type: ignore[assignment]

    def timed(self, *arguments: Any, **named: Any) -> torch.Tensor:
        start = time.process_time()
        latents = self._sampler(*arguments, **named)
        self.seconds += time.process_time() - start
        return latents

    def taken(self) -> float:
        """Seconds since the last call."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def costs(
    synthesizers: dict[str, AnomalyDiffusionSynthesizer],
    jobs: list[diffusion.Job],
    watch: Stopwatch,
    repeats: int,
) -> dict[str, float]:
    """Median over turns of each variant's sampling time as a multiple of plain sampling's."""
    turns: dict[str, list[float]] = {variant: [] for variant in synthesizers}
    for _ in range(repeats):
        for variant, synthesizer in synthesizers.items():
            watch.taken()
            synthesizer.draw(jobs)
            turns[variant].append(watch.taken())
    plain = np.array(turns["none"])
    return {
        variant: round(float(np.median(np.array(seconds) / plain)), 3)
        for variant, seconds in turns.items()
    }


def tile(image: NDArray[Any], mask: NDArray[np.bool_], *, outline: bool) -> NDArray[np.uint8]:
    """The window around a mask, 128 pixels wide, with the mask's outline or without."""
    window = window_around(Box.around(mask), *mask.shape, size=96, context=1.6)
    shown = np.clip(window.cut(image, 256), 0, 255).astype(np.uint8)
    if outline:
        inside = (window.cut(mask.astype(np.float32), 256) > 0.5).astype(np.uint8)
        lines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, lines, -1, (255, 255, 0), 1)
    small: NDArray[np.uint8] = cv2.resize(shown, (128, 128), interpolation=cv2.INTER_AREA)
    return small


def drawings(
    synthesizers: dict[str, dict[str, AnomalyDiffusionSynthesizer]],
    product: Product,
    defect: str,
    numbers: list[int],
    seed: int,
) -> Iterator[tuple[int, diffusion.Job, NDArray[Any], dict[str, dict[str, NDArray[Any]]]]]:
    """Number, job, sketch, and the image of each start and variant."""

    def jobs() -> list[diffusion.Job]:
        return [product.job(defect, number, seed) for number in numbers]

    drawn = {
        init: {variant: each.draw(jobs()) for variant, each in variants.items()}
        for init, variants in synthesizers.items()
    }
    fill = MaskFill([(shot.image, shot.mask) for shot in product.shots[defect]])
    for index, (number, job) in enumerate(zip(numbers, jobs(), strict=True)):
        images = {
            init: {variant: anomalies[index].image for variant, anomalies in variants.items()}
            for init, variants in drawn.items()
        }
        yield number, job, fill(job.normal, job.region, job.rng), images


def table_of(rows: list[Any], init: str, cost: dict[str, float]) -> dict[str, Any]:
    """Mean of each variant and of its paired differences to plain sampling."""
    table = {}
    plain = np.array([row["filled"][init]["none"] for row in rows])
    for variant in VARIANTS:
        values = np.array([row["filled"][init][variant] for row in rows])
        difference = values - plain
        error = float(difference.std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 1 else 0.0
        table[variant] = {
            "filled": round(float(values.mean()), 4),
            "more_than_none": round(float(difference.mean()), 4),
            "standard_error": round(error, 4),
            "cost": cost[variant],
        }
    return table


def report(
    options: argparse.Namespace,
    fingerprint: str,
    rows: list[Any],
    cost: dict[str, dict[str, float]],
) -> None:
    """The tables of all starts, as JSON and Markdown."""
    tables = {init: table_of(rows, init, cost[init]) for init in INITS}
    names = sorted({row["defect"] for row in rows})
    sketches = {
        name: round(float(np.mean([r["sketch"] for r in rows if r["defect"] == name])), 4)
        for name in names
    }
    settings = settings_of("none", "sketch", options).model_dump(mode="json")
    result = {
        "prior": fingerprint,
        "seed": options.seed,
        "images": len(rows),
        "learn_steps": options.learn_steps,
        "synthesis": {k: v for k, v in settings.items() if k not in ("reweighting", "init")},
        "visible_from": VISIBLE,
        "sketch_alone": round(float(np.mean([row["sketch"] for row in rows])), 4),
        "init": tables,
        "by_defect": {
            name: {"sketch_alone": sketches[name]}
            | {
                init: {
                    variant: round(
                        float(
                            np.mean(
                                [r["filled"][init][variant] for r in rows if r["defect"] == name]
                            )
                        ),
                        4,
                    )
                    for variant in VARIANTS
                }
                for init in INITS
            }
            for name in names
        },
    }
    write_text(options.out / "filling.json", json.dumps(result, indent=2) + "\n")
    lines = [
        "# Share of the mask that visibly changed",
        "",
        f"{len(rows)} irregular and multi-part masks, prior {fingerprint}, {settings['steps']} "
        f"steps, from normal and sketch at strength {settings['strength']}, concepts learned in "
        f"{options.learn_steps} steps; paired with plain sampling (standard error of the "
        f"difference). Sketches alone fill {result['sketch_alone']:.1%}.",
        "",
        "| start | re-weighting | filled | more than none | cost of the steps |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {init} | {variant} | {row['filled']:.1%} | {100 * row['more_than_none']:+.1f} "
        f"({100 * row['standard_error']:.1f}) points | {row['cost']:.2f} |"
        for init, table in tables.items()
        for variant, row in table.items()
    ]
    write_text(options.out / "filling.md", "\n".join([*lines, ""]))
    print("\n".join(lines))


def synthesizers_of(
    prior: LatentDiffusion, product: Product, defect: str, options: argparse.Namespace
) -> dict[str, dict[str, AnomalyDiffusionSynthesizer]]:
    """Each variant's synthesizer, by the start."""
    concept = concepts_of(prior, product, options)[defect]
    supports = [(shot.image, shot.mask) for shot in product.shots[defect]]
    return {
        init: {
            variant: AnomalyDiffusionSynthesizer(
                prior, concept, settings=settings_of(variant, init, options), supports=supports
            )
            for variant in VARIANTS
        }
        for init in INITS
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--strength", type=float)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--learn-steps", type=int, default=120)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks/filling"))
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    prior, watch = load_prior(options.prior), Stopwatch()
    options.work.mkdir(parents=True, exist_ok=True)
    key = {
        "prior": prior.fingerprint,
        "settings": [
            settings_of(variant, init, options).model_dump(mode="json")
            for init in INITS
            for variant in VARIANTS
        ],
        "learn_steps": options.learn_steps,
        "seed": options.seed,
    }
    journal = options.work / f"filling-{seed_of(json.dumps(key, sort_keys=True)):016x}.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    done = {(row["defect"], row["number"]): row for row in map(json.loads, lines)}
    products: dict[str, Product] = {}
    tiles: list[NDArray[np.uint8]] = []
    cost: dict[str, dict[str, float]] = {}
    rows = []
    for product_name, defect, numbers in batches(options):
        name = f"{Path(product_name).name}/{defect}"
        wanted = [number for number in numbers if (name, number) not in done]
        if wanted or not cost:
            if product_name not in products:
                names = DEFECTS[product_name]
                products[product_name] = Product(options.data / product_name, names)
            product = products[product_name]
            synthesizers = synthesizers_of(prior, product, defect, options)
        if not cost:
            jobs = [product.job(defect, number, options.seed) for number in range(2 * BATCH)]
            for init, variants in synthesizers.items():
                cost[init] = costs(variants, jobs, watch, options.repeats)
        if wanted:
            with journal.open("a") as file:
                drawn = drawings(synthesizers, product, defect, wanted, options.seed)
                for number, job, sketch, images in drawn:
                    shares = {
                        init: {v: round(filled(image, job), 4) for v, image in variants.items()}
                        for init, variants in images.items()
                    }
                    done[name, number] = {
                        "defect": name,
                        "number": number,
                        "sketch": round(filled(sketch, job), 4),
                        "filled": shares,
                    }
                    file.write(json.dumps(done[name, number]) + "\n")
                    if number < 2:
                        shown = [sketch, *(i[v] for i in images.values() for v in SHOWN)]
                        row = [tile(job.normal, job.region, outline=True)]
                        row += [tile(image, job.region, outline=False) for image in shown]
                        tiles.append(np.hstack(row))
            print(name, len(done), flush=True)
        rows += [done[name, number] for number in numbers]
    report(options, prior.fingerprint, rows, cost)
    if options.sheet and tiles:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(options.sheet), np.vstack(tiles)[..., ::-1])


if __name__ == "__main__":
    main()
