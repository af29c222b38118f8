"""Which defects let the good surface show through? Asked of the shots and the good images.

    python benchmarks/synthesis/seen_through.py [--data ../shared/data] [--shots 5]

For each type of defect under DATA (every folder of MVTec's layout with good images) the first
shots, and at most 64 good images: the correlation of fine structure, shot to good surface, around
the defects and inside of them (means over the shots whose defect is not tiny), and what follows of
it for drawings. Writes seen_through.md beside itself.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.data.images import read_image, read_mask
from anogen.synthesis.contract import Image
from anogen.synthesis.seen_through import ALIKE, THROUGH, Search, surfaces_of

MOST = 64


def shots_of(product: Path, defect: str, count: int) -> list[tuple[Image, NDArray[np.bool_]]]:
    """The first shots of a type that have a mask."""
    shots = []
    for path in sorted((product / "ground_truth" / defect).glob("*.png")):
        for image_path in (product / "test" / defect).glob(f"{path.stem.removesuffix('_mask')}.*"):
            image = read_image(image_path)
            mask = read_mask(path, image.shape[:2])
            if mask.any():
                shots.append((image, mask))
    return shots[:count]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--shots", type=int, default=5)
    options = parser.parse_args()
    lines = [
        f"`seen_through.py --shots {options.shots}`: fine structure around the defects agrees with "
        f"good images from a correlation of {ALIKE:g} on, and shows through from {THROUGH:g} on.",
        "",
        "| product | defect | around | inside | shows through |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for product in sorted(options.data.glob("*/*/ground_truth")):
        product = product.parent
        paths = sorted((product / "train" / "good").glob("*.png"))[:MOST]
        goods = [read_image(path) for path in paths]
        if not goods:
            continue
        for folder in sorted((product / "ground_truth").iterdir()):
            shots = shots_of(product, folder.name, options.shots)
            if not shots:
                continue
            found = []
            for image, mask in shots:
                search = Search(image, mask)
                for good in goods:
                    search.look_at(good)
                found.append(search.found())
            told = [one for one in found if one is not None and one.through is not None]
            (surfaces,) = surfaces_of({folder.name: shots}, goods).values()
            figures = ["", ""]
            if told:
                around = np.mean([one.alike for one in told])
                inside = np.mean([one.through for one in told if one.through is not None])
                figures = [f"{around:.2f}", f"{inside:.2f}"]
            answer = "yes" if surfaces[0] is not None else ""
            lines.append(f"| {product.name} | {folder.name} | {' | '.join(figures)} | {answer} |")
            print(lines[-1], flush=True)
    (Path(__file__).parent / "seen_through.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
