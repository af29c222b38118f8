"""Concepts of three shots, drawn on good parts: are they nearer to real defects than others?

    python benchmarks/prior/concepts.py [--prior embedded] [--data ../shared/data] [--seed 0]

For each defect of cases.py: the distances of features.py between the boxes of 16 drawn defects and
those of held-back real ones (`real`: Chamfer, the mean of both directions of nearest neighbours),
between two drawn ones (`spread`), and from a drawn one to the nearest shot (`shot`; near zero are
copies); the last two also as LPIPS-type distances, which compare place by place (`lpips ...`, on
EfficientNet-Lite0 with all channels alike, so not LPIPS itself).
All synthesizers draw in the same boxes of the same good parts. Beside the concept with each `init`:
the prior's word `defect` from noise, Perlin noise with foreign texture (DRAEM; real textures if
DATA/textures/dtd is there), CutPaste, Crop&Paste of the shots, the good parts untouched, and, for
spread and shot, the held-back real defects themselves.

Writes concepts.json beside itself, and one sheet a defect under --sheets. Most of the data forbid
redistribution: the sheets lie where git ignores them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES, Case, defect_box, load_case, places
from features import (
    Extractor,
    Features,
    box_crop,
    chamfer,
    deviation,
    nearest,
    perceptual_nearest,
    perceptual_spread,
    spread,
)
from numpy.typing import NDArray
from sheets import row, write_sheet
from windows import around, good_images

from anogen.concept.concept import Concept
from anogen.concept.learning import learn_concepts
from anogen.concept.settings import ConceptSettings
from anogen.data.textures import TextureSource
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.placement.settings import PlacementSettings
from anogen.placement.window import window_around
from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.seeds import rng_of
from anogen.synthesis.anogen import AnoGenSynthesizer
from anogen.synthesis.contract import Anomaly, Synthesizer
from anogen.synthesis.croppaste import CropPasteSynthesizer
from anogen.synthesis.cutpaste import CutPasteSynthesizer
from anogen.synthesis.diffusion import Job
from anogen.synthesis.draem import DraemSynthesizer
from anogen.synthesis.seen_through import surfaces_of
from anogen.synthesis.settings import SynthesisSettings

Place = tuple[NDArray[np.uint8], Box]
INITS = ("noise", "normal", "sketch")
SHOWN = ("noise", "normal", "sketch", "word defect", "croppaste", "perlin", "cutpaste")


def draw_all(
    prior: LatentDiffusion, concept: Concept, case: Case, jobs: list[Place], options: Any
) -> dict[str, list[Anomaly]]:
    """Every synthesizer's anomalies at the same places."""
    supports = [(shot.image, shot.mask) for shot in case.shots]
    goods = good_images(options.data, case.category)[:256]
    surfaces = surfaces_of({case.defect: supports}, goods)[case.defect]

    def learned(concept: Concept, init: str) -> list[Anomaly]:
        settings = SynthesisSettings.model_validate(
            {"init": init, "guidance": options.guidance, "steps": options.steps}
            | ({} if options.strength is None else {"strength": options.strength})
        )
        synthesizer = AnoGenSynthesizer(
            prior, concept, settings=settings, supports=supports, surfaces=surfaces
        )
        batch = [
            Job(normal, box.mask(*normal.shape[:2]), generator(init, index))
            for index, (normal, box) in enumerate(jobs)
        ]
        return [a for at in range(0, len(batch), 8) for a in synthesizer.draw(batch[at : at + 8])]

    def generator(name: str, index: int) -> np.random.Generator:
        return rng_of(options.seed, case.category, case.defect, name, index)

    word = Concept(case.category, "defect", prior.word_tokens("defect"), prior.fingerprint)
    drawn = {init: learned(concept, init) for init in INITS}
    drawn["word defect"] = learned(word, "noise")
    others: dict[str, Synthesizer] = {
        "croppaste": CropPasteSynthesizer(supports),
        "perlin": DraemSynthesizer(textures=options.textures),
        "cutpaste": CutPasteSynthesizer(),
    }
    for name, synthesizer in others.items():
        drawn[name] = [
            synthesizer(normal, box.mask(*normal.shape[:2]), generator(name, index))
            for index, (normal, box) in enumerate(jobs)
        ]
    return drawn


def distances(
    extract: Extractor, case: Case, jobs: list[Place], drawn: dict[str, list[Anomaly]]
) -> dict[str, dict[str, float]]:
    """Distances of each synthesizer's boxes, and of the references."""
    margin = PlacementSettings().margin

    def real(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        return box_crop(image, defect_box(mask, margin))

    boxes = [box for _, box in jobs]
    held = extract([real(image, mask) for image, mask in case.held_back])
    shots = extract([real(shot.image, shot.mask) for shot in case.shots])
    untouched = extract([box_crop(normal, box) for normal, box in jobs])
    scale = deviation(np.vstack([held, shots, untouched]))
    held, shots = held / scale, shots / scale
    sets: dict[str, Features] = {"untouched": untouched / scale}
    for name, anomalies in drawn.items():
        crops = [box_crop(a.image, box) for a, box in zip(anomalies, boxes, strict=True)]
        sets[name] = extract(crops) / scale
    table = {
        name: {"real": chamfer(held, rows), "spread": spread(rows), "shot": nearest(rows, shots)}
        for name, rows in sets.items()
    }
    table["held-back real"] = {"spread": spread(held), "shot": nearest(held, shots)}
    of_shots = extract.vectors([real(shot.image, shot.mask) for shot in case.shots])
    seen = {"held-back real": extract.vectors([real(i, m) for i, m in case.held_back])}
    for name, anomalies in drawn.items():
        crops = [box_crop(a.image, box) for a, box in zip(anomalies, boxes, strict=True)]
        seen[name] = extract.vectors(crops)
    for name, vectors in seen.items():
        table[name]["lpips spread"] = perceptual_spread(vectors)
        table[name]["lpips shot"] = perceptual_nearest(vectors, of_shots)
    table["shots"] = {"real": chamfer(held, shots)}
    return {n: {k: round(v, 4) for k, v in r.items()} for n, r in table.items()}


def changed(anomalies: list[Anomaly], jobs: list[Place]) -> dict[str, float]:
    """Share of the box that became defective, and the share of drawings with any defect."""
    filled = [
        float((anomaly.mask[box.slices] >= 0.5).mean())
        for anomaly, (_, box) in zip(anomalies, jobs, strict=True)
    ]
    visible = [share for share in filled if share > 0]
    return {
        "filled": round(float(np.mean(visible)), 3) if visible else 0.0,
        "visible": round(len(visible) / len(filled), 3),
    }


def sheet(path: Path, case: Case, jobs: list[Place], drawn: dict[str, list[Anomaly]]) -> None:
    """The shots over 16 drawings of every synthesizer."""

    def tile(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        window = window_around(box, *image.shape[:2], size=96, context=2.0)
        return np.clip(window.cut(image, 128), 0, 255).astype(np.uint8)

    shots = [
        np.clip(around(shot.mask, 96).cut(shot.image, 128), 0, 255).astype(np.uint8)
        for shot in case.shots
    ]
    rows = [row(f"{case.category} / {case.defect}: shots", shots, columns=8)]
    for name in SHOWN:
        shown = list(zip(drawn[name], jobs, strict=True))
        shown = shown[:16] if name in INITS else shown[:8]
        rows.append(row(name, [tile(a.image, box) for a, (_, box) in shown], columns=8))
    write_sheet(path, rows)


def learned_concepts(
    prior: LatentDiffusion, cases: list[Case], options: Any
) -> tuple[dict[str, Concept], float]:
    """Concepts of one category by defect, and how long they took."""
    started = time.monotonic()
    settings = ConceptSettings(steps=options.learn_steps)
    support = {case.defect: case.shots for case in cases}
    concepts = learn_concepts(
        prior, support, category=cases[0].category, settings=settings, seed=options.seed
    )
    return {c.defect: c for c in concepts}, time.monotonic() - started


def summary(defects: dict[str, Any]) -> dict[str, Any]:
    """Means over defects, and how often the concept is nearer than each rival."""
    names = [*SHOWN, "untouched"]
    measured = [*names, "held-back real"]
    mean = {
        key: {
            n: round(float(np.mean([d["distances"][n][key] for d in defects.values()])), 4)
            for n in measured
            if key in next(iter(defects.values()))["distances"][n]
        }
        for key in ("real", "spread", "shot", "lpips spread", "lpips shot")
    }
    nearer = {
        init: {
            rival: sum(
                d["distances"][init]["real"] < d["distances"][rival]["real"]
                for d in defects.values()
            )
            for rival in names
            if rival not in INITS
        }
        for init in INITS
    }
    return {"defects": len(defects), "mean": mean, "defects_nearer_than": nearer}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/prior/concepts"))
    parser.add_argument("--category", nargs="*", default=list(CASES))
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--learn-steps", type=int, default=ConceptSettings().steps)
    parser.add_argument("--guidance", type=float, default=SynthesisSettings().guidance)
    parser.add_argument("--steps", type=int, default=SynthesisSettings().steps)
    parser.add_argument("--strength", type=float, default=None)
    options = parser.parse_args()
    options.textures = None
    if (options.data / "textures" / "dtd").is_dir():
        source = TextureSource(options.data / "textures" / "dtd")
        options.textures = lambda rng: source.draw(rng, 256)
    prior, extract = load_prior(options.prior), Extractor()
    options.out.mkdir(parents=True, exist_ok=True)
    defects: dict[str, Any] = {}
    result: dict[str, Any] = {"prior": prior.fingerprint, "seed": options.seed}
    result["settings"] = {
        "learn_steps": options.learn_steps,
        "samples": options.samples,
        "guidance": options.guidance,
        "steps": options.steps,
        "strength": options.strength or SynthesisSettings().strength,
    }
    for category in options.category:
        if category not in CASES:
            raise InputError(f"unknown category {category!r}; known are: {', '.join(CASES)}.")
        cases = [load_case(options.data, category, defect) for defect in CASES[category]]
        concepts, seconds = learned_concepts(prior, cases, options)
        for case in cases:
            concept = concepts[case.defect]
            jobs = places(options.data, case, options.samples, seed=options.seed)
            drawn = draw_all(prior, concept, case, jobs, options)
            name = f"{category}-{case.defect}"
            sheet(options.sheets / f"{name}.jpg", case, jobs, drawn)
            line = {
                "word": concept.word,
                "losses": [concept.losses[0], min(concept.losses)],
                "learning_seconds_of_category": round(seconds, 1),
                "held_back": len(case.held_back),
                "changed": {n: changed(drawn[n], jobs) for n in (*INITS, "word defect")},
            }
            if len(case.held_back) >= 2:
                line["distances"] = distances(extract, case, jobs, drawn)
            defects[f"{category}/{case.defect}"] = line
            measured = {n: d for n, d in defects.items() if "distances" in d}
            if measured:
                result["summary"] = summary(measured)
            result["defects"] = defects
            (options.out / "concepts.json").write_text(json.dumps(result, indent=2) + "\n")
            print(name, json.dumps(line.get("distances")), flush=True)
    print(json.dumps(result.get("summary"), indent=2))


if __name__ == "__main__":
    main()
