"""How long concepts take to learn, and how many defects a second are drawn, as a run does it.

    python benchmarks/synthesis/learn_and_draw.py mvtec_screw screw [--data ../shared/data]

Learns the first defect of a product from 3 shots under ``quick``, then all of its defects together
in another run of the same process, and draws and judges all of them on ``--normals`` good parts:
what loading costs is in the first run only. Images are 256 pixels
wide: the product's files are resized into a dataset of their own first. Two threads, or
``--threads``. Results are appended to ``learn_and_draw.jsonl``.
"""

import argparse
import json
import tempfile
from pathlib import Path

import cv2
import torch

from anogen.bank.bank import Bank
from anogen.data.dataset import read_dataset
from anogen.study.durations import seconds_of
from anogen.study.pipeline import generate_stage, learn_stage, start
from anogen.study.run_folder import at_work
from anogen.study.settings import resolve

HERE = Path(__file__).parent
SIDE = 256


def shrunk(source: Path, target: Path) -> None:
    """A copy of a dataset with all images at 256 pixels; masks keep every defective pixel."""
    for path in sorted(source.rglob("*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        if "ground_truth" in path.parts:
            small = ((small > 0) * 255).astype("uint8")
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), small)


def timed_run(
    folder: Path, data: Path, category: str, defects: tuple[str, ...], normals: int
) -> tuple[dict[str, float], int]:
    """Learn and draw; seconds of both stages, and how many images were drawn."""
    dataset = {"root": str(data), "categories": [category], "defects": list(defects)}
    settings = resolve("quick", {"dataset": dataset, "bank": {"normals": normals}})
    with at_work(folder):
        run, pairs, prior = start(folder, settings, command=[])
        learn_stage(run, pairs, prior)
        generate_stage(run, pairs, prior)
    bank = Bank(run.bank(category))
    learned = seconds_of(run.path / "concepts" / category)["learn"]
    drawn = seconds_of(bank.folder)["generate"]
    return {"learn": learned, "generate": drawn}, sum(1 for _ in bank)


def main() -> None:
    """Time one defect, all defects, and the steady state of drawing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("category")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--normals", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / options.dataset
        shrunk(options.data / options.dataset, data)
        (category,) = read_dataset(data, categories=[options.category])
        defects = tuple(sorted(category.defects))
        single, _ = timed_run(Path(scratch) / "one", data, category.name, defects[:1], 4)
        several, images = timed_run(
            Path(scratch) / "all", data, category.name, defects, options.normals
        )
    line = {
        "dataset": options.dataset,
        "threads": options.threads,
        "one concept, seconds": single["learn"],
        "concepts": len(defects),
        "all concepts, seconds": several["learn"],
        "images": images,
        "images a second": round(images / several["generate"], 2),
    }
    with (HERE / "learn_and_draw.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
