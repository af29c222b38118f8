"""Images a second of the procedural synthesizers, on one core.

    OMP_NUM_THREADS=1 python benchmarks/detection/synthesis_speed.py

Processor time, not wall time, so that other work on the machine does not count. Writes
``synthesis_speed.json`` and ``synthesis_speed.md`` beside this file. The Perlin rows compare with
a straightforward implementation: the offsets and gradients of all four corners as full images.
"""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.synthesis.contract import Image, Synthesizer, synthesizers
from anogen.synthesis.perlin import perlin

HERE = Path(__file__).parent
SIDES = (256, 512)
BLOCKS, BLOCK = 5, 40
TEXTURES = 64


def picture(side: int, seed: int) -> NDArray[np.uint8]:
    """Smooth noise in colour, ``(side, side, 3)``."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2)
    stretched: NDArray[np.uint8] = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)
    return stretched


def rate(action: Callable[[], object]) -> float:
    """Runs a second of processor time: the median over blocks."""
    rates = []
    for _ in range(BLOCKS):
        start = time.process_time()
        for _ in range(BLOCK):
            action()
        rates.append(BLOCK / (time.process_time() - start))
    return float(np.median(rates))


def straightforward_perlin(
    shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The same noise from full-size gradient images; ``cells`` must divide ``shape``."""
    angles = 2 * np.pi * rng.random((cells[0] + 1, cells[1] + 1))
    gradients = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    tall, wide = shape[0] // cells[0], shape[1] // cells[1]
    y, x = np.meshgrid(
        np.arange(shape[0]) / tall % 1, np.arange(shape[1]) / wide % 1, indexing="ij"
    )

    def corner(down: int, across: int) -> NDArray[np.float64]:
        chosen = gradients[down : cells[0] + down, across : cells[1] + across]
        full = chosen.repeat(tall, 0).repeat(wide, 1)
        dot: NDArray[np.float64] = full[..., 0] * (y - down) + full[..., 1] * (x - across)
        return dot

    fade_y, fade_x = (6 * t**5 - 15 * t**4 + 10 * t**3 for t in (y, x))
    top = corner(0, 0) * (1 - fade_x) + corner(0, 1) * fade_x
    bottom = corner(1, 0) * (1 - fade_x) + corner(1, 1) * fade_x
    noise: NDArray[np.float64] = np.sqrt(2) * (top * (1 - fade_y) + bottom * fade_y)
    return noise


def members(side: int) -> dict[str, Synthesizer]:
    """The synthesizers, with textures in memory and one support defect of 40 pixels at 256."""
    textures = [picture(side, seed) for seed in range(TEXTURES)]
    mask = np.zeros((side, side), dtype=bool)
    mask[side // 3 : side // 3 + side * 40 // 256, side // 3 : side // 3 + side * 40 // 256] = True
    supports = [(picture(side, 1), mask)]

    def draw(rng: np.random.Generator) -> Image:
        return textures[rng.integers(TEXTURES)]

    return {
        "DRAEM, textures": synthesizers["draem"](textures=draw),
        "DRAEM, own patches": synthesizers["draem"](),
        "CutPaste": synthesizers["cutpaste"](),
        "Crop&Paste, feather": synthesizers["croppaste"](supports=supports),
        "Crop&Paste, Poisson": synthesizers["croppaste"](supports=supports, blend="poisson"),
    }


def measured(side: int) -> list[dict[str, object]]:
    """One row for each synthesizer and kind of image, then Perlin noise alone."""
    colour = picture(side, 0)
    kinds: dict[str, Image] = {
        "RGB 8 bit": colour,
        "grey 8 bit": np.ascontiguousarray(colour[..., 0]),
        "RGB 16 bit": colour.astype(np.uint16) * np.uint16(257),
    }
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for name, synthesizer in members(side).items():
        row: dict[str, object] = {"what": name, "side": side}
        for kind, image in kinds.items():
            row[kind] = round(rate(lambda s=synthesizer, i=image: s(i, None, rng)))  # type: ignore[misc]
        rows.append(row)
    for name, noise in (("Perlin noise", perlin), ("Perlin, full images", straightforward_perlin)):
        speed = round(rate(lambda n=noise: n((side, side), (8, 8), rng)))  # type: ignore[misc]
        rows.append({"what": name, "side": side, "grey 8 bit": speed})
    return rows


def main() -> None:
    cv2.setNumThreads(1)
    rows = [row for side in SIDES for row in measured(side)]
    packages = {name: version(name) for name in ("numpy", "opencv-python-headless")}
    result = {"versions": packages, "rows": rows}
    (HERE / "synthesis_speed.json").write_text(json.dumps(result, indent=2) + "\n")
    kinds = ("RGB 8 bit", "grey 8 bit", "RGB 16 bit")
    lines = [
        "# Procedural anomalies a second, one core",
        "",
        "Images for each second of processor time, the median of five blocks of 40. "
        f"numpy {packages['numpy']}, OpenCV {packages['opencv-python-headless']}. "
        "Made by `synthesis_speed.py`; the aim was 150 a second at 256 x 256 RGB.",
        "",
        "| | side | " + " | ".join(kinds) + " |",
        "|---|---|" + "---|" * len(kinds),
    ]
    lines += [
        f"| {row['what']} | {row['side']} | "
        + " | ".join(str(row.get(k, "")) for k in kinds)
        + " |"
        for row in rows
    ]
    (HERE / "synthesis_speed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
