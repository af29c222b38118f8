"""Do the words work? A classifier of rendered defects names what the prior draws for a word.

    python benchmarks/prior/words.py [--prior embedded] [--data ../shared/data] [--seed 0]

The classifier (word_classifier.py): a small convolutional network on the box crops of the good and
of the defective window, trained on rendered defects on rendered good windows, both through the
autoencoder, so that its blur tells nothing; in training what a defect changes is bent, paler or
stronger, blurred and stained, as redrawing leaves it, since kinds are to be told, not clean edges.
It names one of 12 words (chance 8.3 %). It is then asked about
  held out: rendered defects on other rendered windows,
  rendered: rendered defects on windows of real good parts (what drawing can reach at best),
  visible:  drawn from pure noise, the good surface seen (`surroundings: normal`),
  blanked:  drawn from pure noise, the box blanked in what the prior sees,
  sketch S: the rendered ones redrawn at strength S, the way of the preset `quick` (0.3),
  other S:  the same redrawn with a word that is not theirs, which tells what words themselves do:
            how often the drawn one is named by the word that was asked for, not by its sketch's,
all but the first in the same boxes of the same real parts, which neither prior nor classifier saw.
Several values of --guidance are told apart for pure noise; sketches take the first.

The classifier is kept (word_classifier.safetensors), so that one judge judges all versions;
--retrain makes it anew, through the autoencoder of --prior, in most of an hour on one core.

Writes words.json beside itself and the sheets (words x samples) to --sheets; most of the data
forbid redistribution, so git ignores that folder.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from features import CROP
from inpainting import windows_with_boxes
from numpy.typing import NDArray
from sheets import row, write_sheet
from torch import Tensor
from windows import CATEGORIES, good_images
from word_classifier import Classifier, Item, Window, crops

from anogen.placement.box import Box
from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.prior.pretrain.scenes import draw_box
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.prior.world import render_good
from anogen.prior.world.defects import draw_defect
from anogen.seeds import rng_of

WORDS = (
    "scratch", "crack", "hole", "dent", "stain", "contamination",
    "thread", "print", "rough", "missing", "pitting", "fold",
)  # fmt: skip
"""Chosen before any was measured: kinds that a person tells apart in a picture."""

HELD_OUT = 480
"""Rendered defects that the classifier does not learn from."""

KEPT = Path(__file__).parent / "word_classifier.safetensors"

STRENGTHS = (0.3, 0.5, 0.7)
"""Of redrawing; the first is that of the preset ``quick``."""

BLOCK = 500
"""Rendered defects held as whole windows at a time."""


def rendered_crops(prior: LatentDiffusion, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Crops of rendered defects on rendered good windows, words in turn, and the words."""
    found = []
    for start in range(0, count, BLOCK):
        items = rendered_items(range(start, min(start + BLOCK, count)), seed=seed)
        found.append(crops(through(prior, items)))
        print(f"rendered {start + len(items)} of {count}", flush=True)
    return torch.cat(found), torch.arange(count) % len(WORDS)


def rendered_items(which: range, *, seed: int) -> list[Item]:
    """Rendered defects on rendered good windows, words in turn."""
    items = []
    for index in which:
        rng = rng_of(seed, "words", index)
        good = render_good(rng, CROP)
        box = draw_box(good.foreground, rng)
        word = WORDS[index % len(WORDS)]
        drawn, _ = draw_defect(word, good.image, good.foreground, box.mask(CROP, CROP), rng)
        items.append((_bytes(good.image), _bytes(drawn), box))
    return items


def write_classifier(x: Tensor, y: Tensor, fingerprint: str, *, seed: int) -> None:
    """Train the classifier on all but the last ``HELD_OUT`` crops and keep it."""
    rest, held = (x[:-HELD_OUT], y[:-HELD_OUT]), (x[-HELD_OUT:], y[-HELD_OUT:])
    classifier = Classifier.train(*rest, words=len(WORDS), seed=seed)
    right = float((classifier(held[0]) == held[1].numpy()).mean())
    told = {"trained on": str(len(rest[0])), "through": fingerprint, "seed": str(seed)}
    classifier.save(KEPT, told | {"held out": f"{right:.3f}"})
    print(f"held out: {right:.3f}", flush=True)


def real_places(data: Path, each: int, *, seed: int) -> tuple[list[Window], list[Box], list[int]]:
    """Windows of real good parts of all categories in turn, a box in each, and a word for each."""
    pools = {
        c: list(
            zip(
                *windows_with_boxes(
                    good_images(data, c),
                    each * len(WORDS) // len(CATEGORIES) + 1,
                    size=CROP,
                    rng=rng_of(seed, "inpainting", "words", c),
                ),
                strict=True,
            )
        )
        for c in CATEGORIES
    }
    names = list(CATEGORIES)
    windows, boxes, labels = [], [], []
    for index in range(each * len(WORDS)):
        window, box = pools[names[index % len(names)]][index // len(names)]
        windows.append(window)
        boxes.append(box)
        labels.append(index % len(WORDS))
    return windows, boxes, labels


def rendered_on(
    windows: list[Window], boxes: list[Box], labels: list[int], seed: int
) -> list[Item]:
    """Rendered defects of the words in the boxes."""
    items = []
    for index, (window, box, word) in enumerate(zip(windows, boxes, labels, strict=True)):
        rng = rng_of(seed, "words on real", index)
        everywhere = np.ones((CROP, CROP), bool)
        drawn, _ = draw_defect(
            WORDS[word], window.astype(np.float32) / 255, everywhere, box.mask(CROP, CROP), rng
        )
        items.append((window, _bytes(drawn), box))
    return items


@torch.no_grad()
def decoded(prior: LatentDiffusion, windows: list[Window]) -> list[Window]:
    """Windows through the autoencoder."""
    found: list[Window] = []
    for start in range(0, len(windows), 25):
        found += _pixels(prior.decode(prior.encode(_tensor(windows[start : start + 25]))))
    return found


def through(prior: LatentDiffusion, items: list[Item]) -> list[Item]:
    """Items whose windows both went through the autoencoder."""
    good = decoded(prior, [item[0] for item in items])
    image = decoded(prior, [item[1] for item in items])
    return [(g, i, item[2]) for g, i, item in zip(good, image, items, strict=True)]


@torch.no_grad()
def drawn_by_prior(
    prior: LatentDiffusion,
    windows: list[Window],
    boxes: list[Box],
    labels: list[int],
    *,
    blanked: bool,
    guidance: float,
    seed: int,
    sketches: list[Window] | None = None,
    strength: float = 1.0,
) -> list[Window]:
    """The words' defects drawn in the boxes, from pure noise or from sketches."""
    found: list[Window] = []
    for start in range(0, len(windows), 12):
        some = slice(start, start + 12)
        normal = prior.encode(_tensor(windows[some]))
        masks = np.stack([box.mask(CROP, CROP) for box in boxes[some]]).astype(np.float32)
        region = F.avg_pool2d(torch.from_numpy(masks)[:, None], CROP // prior.latent_size)
        generator = torch.Generator().manual_seed(seed + start)
        latents = blended_sampling(
            prior,
            normal=normal,
            region=region,
            context=torch.stack([prior.word_tokens(WORDS[word]) for word in labels[some]]),
            surroundings=normal * (1 - region) if blanked else normal,
            noise=torch.randn(normal.shape, generator=generator),
            settings=SamplerSettings(steps=20, guidance=guidance, strength=strength),
            start=None if sketches is None else prior.encode(_tensor(sketches[some])),
        )
        found += _pixels(prior.decode(latents))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sheets", type=Path, default=Path("runs/benchmarks/prior"))
    parser.add_argument("--retrain", action="store_true", help="train the classifier anew")
    parser.add_argument("--training", type=int, default=10000, help="rendered defects to train on")
    parser.add_argument("--each", type=int, default=14, help="drawn samples of each word")
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0])
    options = parser.parse_args()
    prior = load_prior(options.prior)
    if options.retrain:
        x, y = rendered_crops(prior, options.training + HELD_OUT, seed=options.seed)
        write_classifier(x, y, prior.fingerprint, seed=options.seed)
    classifier, told = Classifier.load(KEPT)
    windows, boxes, asked = real_places(options.data, options.each, seed=options.seed)
    good = decoded(prior, windows)
    rendered = rendered_on(windows, boxes, asked, options.seed)
    sets: dict[str, list[Item]] = {"rendered": through(prior, rendered)}
    count = len(WORDS)
    others = [(word + 1 + index // count % (count - 1)) % count for index, word in enumerate(asked)]
    answer_of = {"rendered": asked}

    def draw(name: str, words: list[int], guidance: float, **how: Any) -> None:
        drawn = drawn_by_prior(
            prior, windows, boxes, words, guidance=guidance, seed=options.seed, **how
        )
        sets[name], answer_of[name] = list(zip(good, drawn, boxes, strict=True)), words

    for guidance in options.guidance:
        mark = f" {guidance:g}" if len(options.guidance) > 1 else ""
        for name, blanked in (("visible", False), ("blanked", True)):
            draw(name + mark, asked, guidance, blanked=blanked)
    sketches = [item[1] for item in rendered]
    for strength in STRENGTHS:
        how = {"blanked": False, "sketches": sketches, "strength": strength}
        draw(f"sketch {strength:g}", asked, options.guidance[0], **how)
        draw(f"other {strength:g}", others, options.guidance[0], **how)
    answers = {name: classifier(crops(some)) for name, some in sets.items()}
    truth = {name: np.array(words) for name, words in answer_of.items()}
    result: dict[str, Any] = {
        "prior": prior.fingerprint,
        "seed": options.seed,
        "guidance": options.guidance,
        "samples_of_each_word": options.each,
        "classifier": told,
        "chance": round(1 / len(WORDS), 3),
        "accuracy": {
            n: round(float((named == truth[n]).mean()), 3) for n, named in answers.items()
        },
        "by_word": {
            word: {
                n: round(float((named[truth[n] == index] == index).mean()), 2)
                for n, named in answers.items()
            }
            for index, word in enumerate(WORDS)
        },
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "words.json").write_text(json.dumps(result, indent=2) + "\n")
    for name, some in sets.items():
        rows = []
        for index, word in enumerate(WORDS):
            told = zip(some, answer_of[name], strict=True)
            shown = [item[1] for item, label in told if label == index]
            rows.append(row(f"{name}: {word}", shown[:10], columns=10, side=112))
        write_sheet(options.sheets / f"words-{name}.jpg", rows)
    print(json.dumps(result, indent=2))


def _bytes(image: NDArray[np.float32]) -> Window:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _tensor(windows: list[Window]) -> torch.Tensor:
    return torch.from_numpy(np.stack(windows)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _pixels(images: torch.Tensor) -> list[Window]:
    pixels = ((images.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    return list(pixels)


if __name__ == "__main__":
    main()
