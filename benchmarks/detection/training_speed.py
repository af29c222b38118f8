"""Steps a second of the detectors' training, and DRAEM's step against the released code's.

    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py quick
    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py paper --batch 2
    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py released --batch 2

One part a call; results gather in ``training_speed.json`` and are written out as
``training_speed.md``. ``--label`` keeps the numbers of an earlier state of the code beside those
of now. Processor time on one core (that of the system included), not wall time, so that other
work on the machine does not count; a step's batch is drawn in the same time.

``released`` trains DRAEM networks of the paper's size from equal weights, one by
``released_step.py``, one by ``anogen.detection`` under the preset ``official``, and that once more
in bf16 where the processor multiplies it, in processes that take turns. All see the same batches.
The speedup is the median over the turns of the ratio of their times. On the first batch every loss
in float32 must agree to 2e-3 of its value: batch normalisation of a fresh network of this size
amplifies float32's rounding so far. That the losses are the same is held in float64, by narrow
networks whose losses must agree to 1e-6. The time of a step is that of making its batch and of
training on it; the first two steps of each are left out, which also set up the optimiser and the
convolutions and let the heap grow to its size.
"""

import argparse
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import released_step
import torch
from synthesis_speed import picture

from anogen.detection.draem import DraemNetwork
from anogen.detection.losses import ssim_loss
from anogen.detection.mixing import Mixture, ProceduralSource, procedural
from anogen.detection.saved import make_detector
from anogen.detection.settings import DetectorSettings, DraemSettings, preset
from anogen.detection.unet import initialise
from anogen.detection.weak import weak_focal_loss
from anogen.prior.precision import matrix_units
from anogen.synthesis.contract import synthesizers

HERE = Path(__file__).parent
RESULT = HERE / "training_speed.json"
DETECTORS = ("unet", "draem", "destseg")
WARM = 2
"""Steps before any is timed."""

T = TypeVar("T")


def timed(action: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds of an action, and its result."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def mixture(settings: DetectorSettings) -> Mixture:
    """Normals and DRAEM's anomalies on them, with textures in memory."""
    side = settings.image_size
    normals = np.stack([picture(side, seed) for seed in range(8)])
    textures = [picture(side, 100 + seed) for seed in range(8)]
    made = synthesizers["draem"](textures=lambda rng: textures[rng.integers(8)])
    source = ProceduralSource(procedural(made), name="draem")
    return Mixture(normals, [source], settings=settings.mixture, batch_size=settings.batch_size)


def steps_a_second(settings: DetectorSettings, *, rounds: int) -> float:
    """Steps a second; of DeSTSeg over both stages, as many steps of each as the settings say."""
    detector, source = make_detector(settings, seed=0), mixture(settings)
    stages = {0: 1.0}
    if settings.name == "destseg":
        assert settings.steps is not None
        share = getattr(settings, "student_share")  # noqa: B009
        stages = {0: share, round(share * settings.steps): 1 - share}
    seconds = 0.0
    for first, share in stages.items():
        detector.steps_done = first  # type: ignore[attr-defined]
        times = [
            timed(lambda at=at: detector.step(source.batch(at, seed=0)))[0]  # type: ignore[misc]
            for at in range(rounds + WARM)
        ]
        seconds += share * statistics.median(times[WARM:])
    return 1 / seconds


def quick() -> dict[str, Any]:
    """Every detector under ``quick``, at both precisions."""
    rows = {}
    for name in DETECTORS:
        settings = preset(name, "quick")
        rows[name] = {
            precision: round(
                steps_a_second(settings.model_copy(update={"precision": precision}), rounds=5), 2
            )
            for precision in ("fp32", "bf16")
        }
        rows[name]["batch"] = settings.batch_size
        print(name, rows[name], flush=True)
    return rows


def paper(batch: int) -> dict[str, Any]:
    """Every detector at the paper's size, one step after two, at both precisions."""
    rows = {}
    for name in DETECTORS:
        updates: dict[str, Any] = {"epochs": None, "steps": 100, "batch_size": batch}
        if name == "destseg":
            updates["teacher"] = "random"  # a ResNet-18, as the paper's, without a download
        settings = preset(name, "paper").model_copy(update=updates)
        rows[name] = {
            precision: round(
                steps_a_second(settings.model_copy(update={"precision": precision}), rounds=1), 4
            )
            for precision in ("fp32", "bf16")
        }
        rows[name]["batch"] = batch
        print(name, rows[name], flush=True)
    return rows


def demand_same_losses() -> None:
    """Both ways on the same inputs and weights, in float64."""
    update = {"epochs": None, "steps": 100, "image_size": 128, "batch_size": 2}
    update |= {"width": 8, "reconstruction_width": 8}
    settings = preset("draem", "official").model_copy(update=update)
    network = DraemNetwork(DraemSettings.model_validate(settings.model_dump())).train().double()
    drawn = mixture(settings).batch(0, seed=0)
    image, normal = (part.contiguous().double() / 255 for part in (drawn.image, drawn.normal))
    mask = drawn.mask.double()
    theirs = released_step.losses(network, image, normal, mask, cutoff=1 - settings.tau)
    network.to(memory_format=torch.channels_last)
    restored, logits, _ = network(image.to(memory_format=torch.channels_last))
    probability = torch.sigmoid(logits[:, 1:] - logits[:, :1])
    ours = {
        "l2": torch.nn.functional.mse_loss(restored, normal),
        "ssim": ssim_loss(restored, normal),
        "focal": weak_focal_loss(probability, mask, drawn.weak, settings),
    }
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-6, atol=0)


Turn = tuple[float, float, dict[str, float]]
"""Seconds of making a batch, seconds of the step on it, values of its losses."""


def network_of(settings: DetectorSettings) -> DraemNetwork:
    """A DRAEM network, the same at every call."""
    torch.manual_seed(0)
    network = DraemNetwork(DraemSettings.model_validate(settings.model_dump()))
    initialise(network)
    network.train()
    return network


def their_turns(settings: DetectorSettings, folder: Path) -> Iterator[Turn]:
    """Steps the released code's way. The batch that it makes is timed; it trains on ours."""
    source, rng = mixture(settings), np.random.default_rng(0)
    network = network_of(settings)
    adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    normals, textures = [], []
    for index in range(8):
        normals.append(folder / f"normal{index}.png")
        textures.append(folder / f"texture{index}.jpg")
        # Files of the size of MVTec AD and of the Describable Textures Dataset.
        cv2.imwrite(str(normals[-1]), picture(1024, index))
        cv2.imwrite(str(textures[-1]), picture(512, 100 + index))
    for turn in itertools.count():
        made, _ = timed(lambda: released_step.batch(normals, textures, settings.batch_size, rng))
        drawn = source.batch(turn, seed=0)
        image, normal = (part.contiguous().float() / 255 for part in (drawn.image, drawn.normal))
        trained, losses = timed(
            lambda i=image, n=normal, m=drawn.mask: released_step.step(  # type: ignore[misc]
                adam, released_step.losses(network, i, n, m, cutoff=1 - settings.tau)
            )
        )
        yield made, trained, losses


def our_turns(settings: DetectorSettings) -> Iterator[Turn]:
    """Steps of :mod:`anogen.detection`."""
    source, detector = mixture(settings), make_detector(settings, seed=0)
    detector.network.load_state_dict(network_of(settings).state_dict())  # type: ignore[attr-defined]
    for turn in itertools.count():
        made, drawn = timed(lambda at=turn: source.batch(at, seed=0))  # type: ignore[misc]
        trained, losses = timed(lambda b=drawn: detector.step(b))  # type: ignore[misc]
        yield made, trained, losses


def work(way: str, settings: DetectorSettings, asked: Connection) -> None:
    """A process that takes a turn whenever it is asked."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        turns = their_turns(settings, Path(folder)) if way == "theirs" else our_turns(settings)
        while asked.recv():
            asked.send(next(turns))


def released(batch: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step of DRAEM at the paper's size, the released code's way and ours.

    Each way is a process of its own, as it would be, since ours changes how a process keeps its
    memory; they take turns, so that whatever else the machine does meets all alike.
    """
    settings = preset("draem", "official").model_copy(
        update={"epochs": None, "steps": 100, "batch_size": batch}
    )
    demand_same_losses()
    spawn = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    turns: dict[str, list[Turn]] = {}
    for way in ("theirs", "fp32", *(("bf16",) if matrix_units() else ())):
        ends[way], other = spawn.Pipe()
        own = settings.model_copy(update={"precision": "bf16" if way == "bf16" else "fp32"})
        spawn.Process(target=work, args=(way, own, other), daemon=True).start()
        turns[way] = []
    for _ in range(rounds + WARM):
        for way, end in ends.items():
            end.send(True)
            turns[way].append(end.recv())
        print(
            {way: [round(turn[1], 2) for turn in taken] for way, taken in turns.items()}, flush=True
        )
    for end in ends.values():
        end.send(False)
    row: dict[str, Any] = {"batch": batch, "rounds": rounds}
    theirs = turns.pop("theirs")
    for precision, ours in turns.items():
        difference = max(
            abs(ours[0][2][name] - value) / abs(value) for name, value in theirs[0][2].items()
        )
        assert precision == "bf16" or difference < 2e-3, f"losses are apart: {difference}"
        seconds = {
            f"{whose} {part}": [turn[:2][at] for turn in taken[WARM:]]
            for whose, taken in (("their", theirs), ("our", ours))
            for at, part in ((0, "batch"), (1, "step"))
        }
        ratios = [
            (theirs[at][0] + theirs[at][1]) / (ours[at][0] + ours[at][1])
            for at in range(WARM, rounds + WARM)
        ]
        row[precision] = {name: round(statistics.median(s), 3) for name, s in seconds.items()} | {
            "speedup": round(statistics.median(ratios), 2),
            "speedups": [round(ratio, 2) for ratio in ratios],
            "losses differ by at most": float(f"{difference:.1e}"),
        }
    return row


def page(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Speed of the detectors' training, one core",
        "",
        "Processor time; made by `training_speed.py`, which says how.",
        "",
        f"torch {torch.__version__}.",
    ]

    def machine(part: str) -> str:
        """On what the last run of a part was measured."""
        return f"On a processor {'with' if result['amx'][part] else 'without'} AMX."

    for part in ("quick", "paper"):
        labels = result.get(part, {})
        if not labels:
            continue
        lines += [
            "",
            f"## Steps a second, `{part}`",
            "",
            machine(part),
            "",
            "| detector | batch | "
            + " | ".join(f"{la}, fp32 | {la}, bf16" for la in labels)
            + " |",
            "|---|---|" + "---|---|" * len(labels),
        ]
        for name in DETECTORS:
            rows = [labels[label][name] for label in labels]
            cells = " | ".join(f"{row['fp32']} | {row['bf16']}" for row in rows)
            lines.append(f"| {name} | {rows[-1]['batch']} | {cells} |")
    for label, row in result.get("released", {}).items():
        exact = row["fp32"]
        lines += [
            "",
            f"## DRAEM's step at the paper's size against the released code's way ({label})",
            "",
            f"{machine('released')} Batch {row['batch']}, medians of {row['rounds']} turns after "
            f"{WARM}. On the same inputs the losses agree to 1e-6 in float64; at this size and in "
            "float32 on both sides "
            f"they differ by at most {exact['losses differ by at most']} of their value. Presets "
            "`paper` and `official` train in float32, `best` and `quick` in bf16 where the "
            "processor has matrix units.",
            "",
            "| | batch, s | training on it, s | times faster | from turn to turn |",
            "|---|---|---|---|---|",
            f"| released code's way, fp32 | {exact['their batch']} | {exact['their step']} | 1 | |",
        ]
        for precision in ("fp32", "bf16"):
            if precision in row:
                ours = row[precision]
                lines.append(
                    f"| ours, {precision} | {ours['our batch']} | {ours['our step']} | "
                    f"{ours['speedup']} | {min(ours['speedups'])} to {max(ours['speedups'])} |"
                )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("quick", "paper", "released"))
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--label", default="now")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.part == "quick":
        found = quick()
    elif options.part == "paper":
        found = paper(options.batch)
    else:
        found = released(options.batch, options.rounds)
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    result.setdefault("amx", {})[options.part] = matrix_units()
    result.setdefault(options.part, {})[options.label] = found
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    (HERE / "training_speed.md").write_text(page(result))
    print(page(result))


if __name__ == "__main__":
    main()
