"""What a drawn image costs by the size of its frame, where the defect stays 60 pixels long.

    OMP_NUM_THREADS=1 python benchmarks/synthesis/frame_size.py [--images 8] [--keep FOLDER]

A plate with grain in frames of 256, 1024 and 4000 x 3000 pixels, with blots and scratches of 60
pixels; the stages ``learn`` (a few steps: what a concept has learned does not matter to the speed)
and ``generate`` of the preset ``quick`` with the embedded prior. Processor seconds of ``generate``
on one core, each counted for the innermost of the parts below, are divided by the images; a
rejected image is drawn again, so drawings are counted, too: what a size costs beside its files is
the line of placing, drawing and judging by drawing. Writes ``frame_size.json`` and
``frame_size.md`` beside itself.

What still grows with the frame: decoding a file, encoding one, hashing files, one copy of the
frame for an image of the bank, and what is found once for a good image: its object at its own size
and how many of its pixels each cell has, and the frame made small, for its object, for its likeness
to the shots' places, and as a whole for the gate (0.03 s each at 4000 x 3000). Here each of
``GOODS`` good images is drawn on for two defects, and all are among those that are looked at once
per category; where each of many is drawn on once, all of that comes with every image. A batch holds
a frame for each of its good images.
"""

import argparse
import functools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.images import write_png
from anogen.seeds import rng_of
from anogen.study.pipeline import generate_stage, learn_stage, start
from anogen.study.settings import resolve
from anogen.study.stages import generate
from anogen.study.stages.judging import Drawn, Judging
from anogen.study.stages.places import Places

HERE = Path(__file__).parent
SIZES = ((256, 256), (1024, 1024), (3000, 4000))
"""Height and width of a frame."""

LENGTH = 60
"""Pixels of a defect."""

GOODS, SHOTS = 4, 3
PARTS = ("reading", "placing", "drawing", "judging", "writing", "hashing files", "rest")
ONCE = "once per category"
BESIDE_FILES = ("placing", "drawing", "judging")
EXPLAINED = {
    "reading": "decoding the good image",
    "placing": "its object, likeness to the shots' places, the box",
    "drawing": "sketch, prior, pasting back, mask",
    "judging": "the gate's scores, the network that tells types apart, copies",
    "writing": "encoding image and mask as PNG",
}


class Clock:
    """Processor seconds by part, each counted for the innermost part that runs."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._running = ["rest"]
        self._since = time.process_time()

    def switch(self) -> None:
        """Count what has passed since the last switch."""
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def timed(self, holder: Any, name: str, part: str) -> None:
        """Count what ``holder.name`` takes for ``part``."""
        inner: Callable[..., Any] = getattr(holder, name)

        @functools.wraps(inner)
        def outer(*given: Any, **named: Any) -> Any:
            self.switch()
            self._running.append(part)
            self.calls[part] += 1
            try:
                return inner(*given, **named)
            finally:
                self.switch()
                self._running.pop()

        setattr(holder, name, outer)


def plate(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A bright plate with grain on a dark table."""
    height, width = shape
    coarse = cv2.resize(rng.normal(0, 12, (8, 8)).astype(np.float32), (width, height))
    grain = cv2.GaussianBlur(rng.normal(0, 8, shape).astype(np.float32), (0, 0), 1.0)
    grey = 40 + grain
    rows = slice(height // 16, height - height // 16)
    columns = slice(width // 16, width - width // 16)
    grey[rows, columns] += 110 + coarse[rows, columns]
    return (np.clip(grey, 0, 255)[..., None] * (1.0, 0.97, 0.9)).astype(np.uint8)


def damaged(
    image: NDArray[np.uint8], defect: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The image with a blot or a scratch of ``LENGTH`` pixels on the plate, and its mask."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    y = int(rng.integers(height // 16 + LENGTH, height - height // 16 - LENGTH))
    x = int(rng.integers(width // 16 + LENGTH, width - width // 16 - LENGTH))
    half = LENGTH // 2
    if defect == "blot":
        cv2.ellipse(mask, (x, y), (half, half // 2), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        slope = int(rng.integers(-12, 13))
        cv2.line(mask, (x - half, y - slope), (x + half, y + slope), 1, 4)
    inside = mask > 0
    spoilt = image.copy()
    spoilt[inside] = (spoilt[inside] * (0.35 if defect == "blot" else 0.55)).astype(np.uint8)
    return spoilt, inside


def make_dataset(root: Path, shape: tuple[int, int]) -> None:
    """A category in MVTec's layout."""
    folder = root / "plate"
    for number in range(GOODS):
        write_png(folder / f"train/good/{number}.png", plate(shape, rng_of("good", number)))
    write_png(folder / "test/good/0.png", plate(shape, rng_of("test")))
    for defect in ("blot", "scratch"):
        for number in range(SHOTS):
            rng = rng_of(defect, number)
            image, mask = damaged(plate(shape, rng), defect, rng)
            write_png(folder / f"test/{defect}/{number}.png", image)
            write_png(folder / f"ground_truth/{defect}/{number}_mask.png", mask)


def measure(shape: tuple[int, int], images: int, folder: Path) -> dict[str, Any]:
    """Draw a bank and say what it took."""
    if not (folder / "dataset").is_dir():
        make_dataset(folder / "dataset", shape)
    settings = resolve(
        "quick",
        {"dataset": {"root": str(folder / "dataset")}},
        overrides=(
            "concept.steps=4",
            "concept.views=2",
            "concept.init=mean",
            "training.arms=generated",
            f"bank.normals={images // 2}",
        ),
    )
    run, pairs, prior = start(folder / "run", settings, command=["frame_size.py"])
    learn_stage(run, pairs, prior)
    clock = Clock()
    clock.timed(generate, "_Artist", ONCE)
    clock.timed(Judging, "limits", ONCE)
    clock.timed(Judging, "types", ONCE)
    clock.timed(Places, "normal", "reading")
    clock.timed(Places, "place", "placing")
    clock.timed(generate, "draw_several", "drawing")
    clock.timed(Drawn, "whole", "drawing")
    clock.timed(Judging, "settle", "judging")
    clock.timed(generate, "sha256_of", "hashing files")
    clock.timed(Bank, "add", "writing")
    generate_stage(run, pairs, prior)
    clock.switch()
    bank = list(Bank(run.bank("plate")))
    return {
        "height": shape[0],
        "width": shape[1],
        "images": len(bank),
        "drawings": sum(len(entry.candidates) for entry in bank),
        "accepted": sum(entry.accepted for entry in bank),
        "seconds": {name: round(clock.seconds[name], 3) for name in (*PARTS, ONCE)},
        "largest_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def table(found: list[dict[str, Any]], command: str) -> str:
    """The measurements as Markdown."""
    names = [f"{one['width']} x {one['height']}" for one in found]
    lines = [
        "# What a drawn image costs by the size of its frame",
        "",
        f"`{command}`",
        "",
        f"Defects of {LENGTH} pixels; processor seconds per image of the bank, one core.",
        "",
        f"| part | {' | '.join(names)} |",
        "|---|" + "---:|" * len(found),
    ]

    def row(name: str, values: list[str]) -> str:
        return f"| {name} | {' | '.join(values)} |"

    for part in PARTS:
        what = f"{part} ({EXPLAINED[part]})" if part in EXPLAINED else part
        lines.append(row(what, [f"{one['seconds'][part] / one['images']:.3f}" for one in found]))
    beside = [sum(one["seconds"][part] for part in BESIDE_FILES) / one["drawings"] for one in found]
    totals = [sum(one["seconds"][part] for part in PARTS) / one["images"] for one in found]
    lines += [
        row("**all**", [f"**{total:.3f}**" for total in totals]),
        row(
            "**placing, drawing and judging, per drawing**",
            [f"**{seconds:.3f}**" for seconds in beside],
        ),
        row("the same by the smallest frame", [f"{seconds / beside[0]:.2f}" for seconds in beside]),
        row("drawings per image", [f"{one['drawings'] / one['images']:.2f}" for one in found]),
        row(f"{ONCE}, seconds", [f"{one['seconds'][ONCE]:.1f}" for one in found]),
        row("largest memory, MiB", [f"{one['largest_mib']}" for one in found]),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure each size in a process of its own, so that none lends another its memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="where datasets and runs are left")
    parser.add_argument("--one", type=int, help="number of the one size to measure and print")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        if given.one is not None:
            shape = SIZES[given.one]
            print(json.dumps(measure(shape, given.images, folder / f"{shape[1]}x{shape[0]}")))
            return
        found = []
        for number in range(len(SIZES)):
            asked = ["--images", str(given.images), "--keep", str(folder), "--one", str(number)]
            command = [sys.executable, __file__, *asked]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(json.loads(output.splitlines()[-1]))
    command = f"python benchmarks/synthesis/frame_size.py --images {given.images}"
    text = table(found, command)
    (HERE / "frame_size.json").write_text(json.dumps(found, indent=2) + "\n")
    (HERE / "frame_size.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
