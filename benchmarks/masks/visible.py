"""How much of a mask can be seen, of drawn defects and of the same shots pasted on the object.

    python benchmarks/masks/visible.py RUN [RUN ...] [--count 30]

For each defect of each RUN (of ``anogen run`` or a study's cell) the share of the mask's pixels
that differ by more than 12 grey levels from the good image: the mean over the first ``--count``
accepted drawings, and over as many pastes of Crop&Paste. Writes visible.md beside itself.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.bank.bank import Bank
from anogen.data.images import read_image, to_rgb8
from anogen.seeds import rng_of
from anogen.study.run_folder import open_run
from anogen.study.stages.material import categories_of, supports_of
from anogen.study.stages.places import Places
from anogen.synthesis.croppaste import CropPasteSynthesizer

SEEN = 12
"""Grey levels."""


def share(image: NDArray[np.uint8], normal: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Share of the mask's pixels in which the channel that differs most is seen to differ."""
    difference = np.abs(image.astype(int) - normal.astype(int)).max(axis=2)
    return float((difference[mask] > SEEN).mean())


def main() -> None:
    """Measure all runs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--count", type=int, default=30)
    options = parser.parse_args()
    lines = [
        "# Share of a mask's pixels that can be seen",
        "",
        f"`python benchmarks/masks/visible.py RUN... --count {options.count}`",
        "",
        "| product | defect | drawn | pasted |",
        "|---|---|---|---|",
    ]
    for folder in options.runs:
        run = open_run(folder)
        root = Path(run.settings.dataset.root)
        for category, support in categories_of(run):
            bank = Bank(run.bank(category.name))
            shots = {name: supports_of(samples) for name, samples in support.shots.items()}
            places = Places(category, shots, run.settings)
            for defect, supports in shots.items():
                drawn = []
                for entry in list(bank.accepted(defect))[: options.count]:
                    mask = bank.mask(entry)
                    assert mask is not None
                    normal = to_rgb8(read_image(root / entry.normal))
                    drawn.append(share(to_rgb8(bank.image(entry)), normal, mask >= 0.5))
                paste, pasted = CropPasteSynthesizer(supports), []
                for sample in category.train[: options.count]:
                    normal = to_rgb8(read_image(sample.image))
                    one = paste(
                        normal, places.object(normal, sample.key), rng_of(0, defect, sample.key)
                    )
                    pasted.append(share(to_rgb8(one.image), normal, one.mask >= 0.5))
                lines.append(
                    f"| {category.name} | {defect} | {np.mean(drawn):.2f} | {np.mean(pasted):.2f} |"
                )
                print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
