"""Does fitting the prior to a product pay? Before and after, on good images that were held back.

    python benchmarks/prior/adapt.py --category hazelnut [--defect hole] [--prior FILE]

A third of the category's good training images is held back, ten at most; the prior is fitted to the
others (`anogen prior adapt`, its settings by --steps and --rank). Before and after:

- `loss`: the pretraining's loss on windows of held-back images, for the word `normal`, its
  region mostly blanked, for rendered defects under their words (are they forgotten?), and the last
  on rendered scenes of the wide world;
- `inpainting`: boxes of held-back windows redrawn with the word `normal` from their surroundings:
  distance of features (features.py) to the nearest crop of the product's other good images, mean
  absolute difference to what was there in 255ths, and both for mere decoding, the floor;
- `concept`: a concept of three shots (AnoGen's, where there are) drawn with each `init` on good
  images, and its distance to held-back real defects (see concepts.py), with --defect only.

Writes adapt-CATEGORY.json beside itself and sheets to --sheets; most of the data forbid
redistribution, so git ignores that folder.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import defect_box, load_case, places
from features import Extractor, box_crop, chamfer, deviation, nearest
from inpainting import redraw, windows_with_boxes
from numpy.typing import NDArray
from sheets import row, write_sheet
from windows import CATEGORIES

from anogen.concept.learning import learn_concepts
from anogen.concept.settings import ConceptSettings
from anogen.data.images import read_image, to_rgb8
from anogen.data.sample import Sample
from anogen.placement.box import Box
from anogen.placement.settings import PlacementSettings
from anogen.placement.window import window_around
from anogen.prior.adaptation.adapt import adapt, scenes_of
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.embedded import EmbeddedPrior, load_embedded
from anogen.prior.pretrain.latents import LatentScenes, encode_scenes
from anogen.prior.pretrain.scenes import make_shard
from anogen.prior.pretrain.train_denoiser import denoising_loss, draw_examples
from anogen.prior.vocabulary import GENERIC
from anogen.seeds import rng_of
from anogen.synthesis.anogen import AnoGenSynthesizer
from anogen.synthesis.diffusion import Job
from anogen.synthesis.settings import SynthesisSettings

Image = NDArray[np.uint8]
INITS = {"noise": 1.0, "normal": 0.6, "sketch": 0.6}
"""Ways to start and the strengths at which the prior is seen to work."""


def good_samples(data: Path, category: str) -> list[Sample]:
    """The category's good training images."""
    root = data / CATEGORIES[category]
    paths = sorted((root / "train" / "good").glob("*.png"))
    return [Sample(f"train/good/{p.name}", p, "good", None, "train") for p in paths]


@torch.no_grad()
def held_back_loss(prior: EmbeddedPrior, scenes: LatentScenes, *, normal: bool) -> float:
    """The pretraining loss on the word ``normal`` or on rendered defects; always the same noise."""
    losses = []
    for turn in range(3):
        rows = np.arange(len(scenes.word))
        examples = draw_examples(
            scenes, rows, rng_of("held back", turn), len(GENERIC), normal_share=float(normal)
        )
        generator = torch.Generator().manual_seed(turn)
        losses.append(denoising_loss(prior, examples, generator).mean())
    return round(float(torch.stack(losses).mean()), 4)


def inpainting(
    priors: dict[str, EmbeddedPrior], held: list[Image], others: list[Image], options: Any
) -> tuple[dict[str, Any], list[Image]]:
    """Numbers and rows of a sheet of redrawn boxes."""
    extract, size = Extractor(), 128
    windows, boxes = windows_with_boxes(
        held, options.windows, size=size, rng=rng_of(options.seed, "adapt benchmark", "redrawn")
    )
    bank = windows_with_boxes(
        others, 150, size=size, rng=rng_of(options.seed, "adapt benchmark", "bank")
    )
    drawn: dict[str, list[Image]] = {"real": windows}
    for name, prior in priors.items():
        drawn["decoded"], drawn[name] = redraw(prior, windows, boxes, seed=options.seed)

    def crops(images: list[Image], where: list[Box]) -> NDArray[np.float64]:
        return extract([box_crop(w, b) for w, b in zip(images, where, strict=True)])

    reference = crops(*bank)
    scale = deviation(reference)
    numbers = {}
    for name, images in drawn.items():
        changes = [
            np.abs(image[box.slices].astype(int) - window[box.slices]).mean()
            for image, window, box in zip(images, windows, boxes, strict=True)
        ]
        numbers[name] = {
            "nearest": round(nearest(crops(images, boxes) / scale, reference / scale), 4),
            "pixels": round(float(np.mean(changes)), 3),
        }
    rows = [row(f"inpainting: {name}", images[:10], columns=10) for name, images in drawn.items()]
    return numbers, rows


def concepts(
    priors: dict[str, EmbeddedPrior], category: str, options: Any
) -> tuple[dict[str, Any], list[Image]]:
    """Numbers and rows of a sheet of a concept in each prior."""
    case = load_case(options.data, category, options.defect)
    jobs = places(options.data, case, options.samples, seed=options.seed)
    extract, margin = Extractor(), PlacementSettings().margin
    held = extract([box_crop(i, defect_box(m, margin)) for i, m in case.held_back])
    scale = deviation(np.vstack([held, extract([box_crop(n, b) for n, b in jobs])]))

    def tile(image: Image, box: Box) -> Image:
        window = window_around(box, *image.shape[:2], size=96, context=2.0)
        return np.clip(window.cut(image, 128), 0, 255).astype(np.uint8)

    def around(image: Image, mask: NDArray[np.bool_]) -> Image:
        return tile(image, Box.around(mask))

    shown = [around(shot.image, shot.mask) for shot in case.shots]
    shown += [around(*pair) for pair in case.held_back[:5]]
    rows = [row(f"{category} / {case.defect}: three shots, held-back real", shown, columns=8)]
    numbers: dict[str, Any] = {}
    for name, prior in priors.items():
        (concept,) = learn_concepts(
            prior,
            {case.defect: case.shots},
            category=category,
            settings=ConceptSettings(steps=options.learn_steps, views=8),
            seed=options.seed,
        )
        numbers[name] = {"loss": [concept.losses[0], min(concept.losses)], "word": concept.word}
        for init, strength in INITS.items():
            settings = SynthesisSettings.model_validate({"init": init, "strength": strength})
            synthesizer = AnoGenSynthesizer(
                prior, concept, settings=settings, supports=[(s.image, s.mask) for s in case.shots]
            )
            drawn = synthesizer.draw(
                [
                    Job(normal, box.mask(*normal.shape[:2]), rng_of(options.seed, init, index))
                    for index, (normal, box) in enumerate(jobs)
                ]
            )
            pairs = list(zip(drawn, (box for _, box in jobs), strict=True))
            features = extract([box_crop(a.image, box) for a, box in pairs]) / scale
            numbers[name][init] = round(chamfer(held / scale, features), 4)
            tiles = [tile(to_rgb8(a.image), box) for a, box in pairs[:8]]
            rows.append(row(f"{name}: {init}, strength {strength}", tiles, columns=8))
    return numbers, rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--category", required=True, choices=list(CATEGORIES))
    parser.add_argument("--defect")
    parser.add_argument("--prior", type=Path, default=None, help="weights; the package's if none")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rank", type=int, default=AdaptSettings().rank)
    parser.add_argument("--goods", type=int, default=AdaptSettings().windows, help="windows")
    parser.add_argument("--windows", type=int, default=40, help="redrawn")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--learn-steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/prior"))
    parser.add_argument("--adapted", type=Path, default=None, help="keep the fitted prior here")
    options = parser.parse_args()
    goods = good_samples(options.data, options.category)
    rng_of(options.seed, "held back").shuffle(goods)  # type: ignore[arg-type]
    cut = min(10, len(goods) // 3)
    held, others = goods[:cut], goods[cut:]
    base = load_embedded(options.prior)
    settings = AdaptSettings(steps=options.steps, rank=options.rank, windows=options.goods)
    with tempfile.TemporaryDirectory() as folder:
        path = options.adapted or Path(folder) / "adapted.safetensors"
        started, used = time.monotonic(), time.process_time()
        fitted = adapt(base, others, path, settings=settings, seed=options.seed)
        seconds, processor = time.monotonic() - started, time.process_time() - used
        size = path.stat().st_size
    priors = {"before": base, "after": fitted}
    print(f"fitted in {processor:.0f} processor seconds", flush=True)
    evaluation = settings.model_copy(update={"windows": 60})
    unseen = scenes_of(base, held, settings=evaluation, seed=options.seed + 1)
    world = encode_scenes(
        base.autoencoder,
        make_shard(10**6, seed=options.seed, size=128, photograph_folder=None, count=60),
    )
    result: dict[str, Any] = {
        "prior": base.fingerprint,
        "settings": settings.model_dump(mode="json"),
        "images": {"fitted_to": len(others), "held_back": len(held)},
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "bytes": size,
        "loss": {
            name: {
                "normal": held_back_loss(prior, unseen, normal=True),
                "defects": held_back_loss(prior, unseen, normal=False),
                "world_defects": held_back_loss(prior, world, normal=False),
            }
            for name, prior in priors.items()
        },
    }
    print(json.dumps(result["loss"]), flush=True)

    def images(samples: list[Sample]) -> list[Image]:
        return [to_rgb8(read_image(s.image)) for s in samples]

    result["inpainting"], rows = inpainting(priors, images(held), images(others[:40]), options)
    print(json.dumps(result["inpainting"]), flush=True)
    write_sheet(options.sheets / f"adapt-{options.category}-inpainting.png", rows)
    if options.defect:
        result["concept"], rows = concepts(priors, options.category, options)
        write_sheet(options.sheets / f"adapt-{options.category}-{options.defect}.png", rows)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"adapt-{options.category}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
