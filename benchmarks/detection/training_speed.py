"""Steps a second of the detectors' training, and DRAEM's step against the released code's.

    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py quick
    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py paper --batch 2
    OMP_NUM_THREADS=1 python benchmarks/detection/training_speed.py released --batch 2

One part a call; results gather in ``training_speed.json`` and are written out as
``training_speed.md``. ``--label`` keeps the numbers of an earlier state of the code beside those
of now. Processor time on one core (that of the system included), not wall time, so that other
work on the machine does not count; a step's batch is drawn in the same time.

``released`` trains two DRAEM networks of the paper's size from equal weights, one by
``released_step.py``, then one by ``anogen.detection`` under the preset ``official``, and that once
more in bf16. All first see the same batch. On it every loss in float32 must agree to 2e-3 of its
value: batch normalisation of a fresh network of this size amplifies float32's rounding so far. That
the losses are the same is held in float64, by narrow networks whose losses must agree to 1e-6. The
time of a step is that of making its batch and of training on it; the first step of each, which also
sets up the optimiser and the convolutions, is left out.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
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
from anogen.detection.network_detector import uses_bf16
from anogen.detection.saved import make_detector
from anogen.detection.settings import DetectorSettings, DraemSettings, preset
from anogen.detection.unet import initialise
from anogen.detection.weak import weak_focal_loss
from anogen.synthesis.contract import synthesizers

HERE = Path(__file__).parent
RESULT = HERE / "training_speed.json"
DETECTORS = ("unet", "draem", "destseg")
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
            for at in range(rounds + 1)
        ]
        seconds += share * statistics.median(times[1:])
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
    """Every detector at the paper's size, one step after a first one, at both precisions."""
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


def released(batch: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step of DRAEM at the paper's size, the released code's way and ours."""
    settings = preset("draem", "official").model_copy(
        update={"epochs": None, "steps": 100, "batch_size": batch}
    )
    demand_same_losses()
    source, rng = mixture(settings), np.random.default_rng(0)
    torch.manual_seed(0)
    theirs = DraemNetwork(DraemSettings.model_validate(settings.model_dump()))
    initialise(theirs)
    theirs.train()
    start = {name: value.clone() for name, value in theirs.state_dict().items()}
    adam = torch.optim.Adam(theirs.parameters(), lr=settings.learning_rate)
    first_losses: dict[str, float] = {}
    parts: dict[str, list[float]] = {"their batch": [], "their step": []}
    with tempfile.TemporaryDirectory() as folder:
        normals, textures = [], []
        for index in range(8):
            normals.append(Path(folder) / f"normal{index}.png")
            textures.append(Path(folder) / f"texture{index}.jpg")
            # Files of the size of MVTec AD and of the Describable Textures Dataset.
            cv2.imwrite(str(normals[-1]), picture(1024, index))
            cv2.imwrite(str(textures[-1]), picture(512, 100 + index))
        for turn in range(rounds + 1):
            spent, _ = timed(lambda: released_step.batch(normals, textures, batch, rng))
            parts["their batch"].append(spent)
            drawn = source.batch(turn, seed=0)
            image, normal = (p.contiguous().float() / 255 for p in (drawn.image, drawn.normal))
            spent, losses = timed(
                lambda i=image, n=normal, m=drawn.mask: released_step.step(  # type: ignore[misc]
                    adam, released_step.losses(theirs, i, n, m, cutoff=1 - settings.tau)
                )
            )
            parts["their step"].append(spent)
            first_losses = first_losses or losses
            print(parts, flush=True)
    row: dict[str, Any] = {"batch": batch, "rounds": rounds}
    # Ours comes second: it changes for the whole process how memory is kept.
    for precision in ("fp32", "bf16"):
        parts |= {f"our {part}": [] for part in ("batch", "step")}
        ours = make_detector(settings.model_copy(update={"precision": precision}), seed=0)
        ours.network.load_state_dict(start)  # type: ignore[attr-defined]
        difference = 0.0
        for turn in range(rounds + 1):
            spent, drawn = timed(lambda at=turn: source.batch(at, seed=0))  # type: ignore[misc]
            parts["our batch"].append(spent)
            spent, losses = timed(lambda o=ours, b=drawn: o.step(b))  # type: ignore[misc]
            parts["our step"].append(spent)
            print(parts, flush=True)
            for name, value in first_losses.items() if turn == 0 else ():
                difference = max(difference, abs(losses[name] - value) / abs(value))
        assert precision == "bf16" or difference < 2e-3, f"losses are apart: {difference}"
        found: dict[str, Any] = {
            name: round(statistics.median(times[1:]), 3) for name, times in parts.items()
        }
        theirs_total = found["their batch"] + found["their step"]
        found["speedup"] = round(theirs_total / (found["our batch"] + found["our step"]), 2)
        row[precision] = found | {"losses differ by at most": float(f"{difference:.1e}")}
    return row


def page(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Speed of the detectors' training, one core",
        "",
        "Processor time; made by `training_speed.py`, which says how.",
        "",
        f"torch {torch.__version__}; "
        + ("bf16 multiplied by AMX." if result["amx"] else "no AMX: bf16 is emulated."),
    ]
    for part in ("quick", "paper"):
        labels = result.get(part, {})
        if not labels:
            continue
        lines += [
            "",
            f"## Steps a second, `{part}`",
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
        lines += [
            "",
            f"## DRAEM's step at the paper's size against the released code's way ({label})",
            "",
            f"Batch {row['batch']}, median of {row['rounds']} steps after a first. On the same "
            "inputs the losses agree to 1e-6 in float64; at this size and in float32 on both sides "
            f"they differ by at most {row['fp32']['losses differ by at most']} of their value, in "
            f"bf16 by {row['bf16']['losses differ by at most']}. Presets `paper` and `official` "
            "train in float32, `best` and `quick` in bf16 where the processor has matrix units.",
            "",
            "| | batch, s | training on it, s | times faster |",
            "|---|---|---|---|",
            f"| released code's way, fp32 | {row['fp32']['their batch']} | "
            f"{row['fp32']['their step']} | 1 |",
        ]
        lines += [
            f"| ours, {precision} | {row[precision]['our batch']} | "
            f"{row[precision]['our step']} | {row[precision]['speedup']} |"
            for precision in ("fp32", "bf16")
        ]
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
    automatic = preset("draem", "quick").model_copy(update={"precision": "auto"})
    result["amx"] = uses_bf16(automatic, torch.device("cpu"))
    result.setdefault(options.part, {})[options.label] = found
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    (HERE / "training_speed.md").write_text(page(result))
    print(page(result))


if __name__ == "__main__":
    main()
