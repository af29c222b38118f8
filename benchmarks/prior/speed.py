"""How quick the prior is: loading, drawing, learning.

    python benchmarks/prior/speed.py [--prior embedded] [--threads 2] [--batches 1 4 16]

Drawing: 20 DPM-Solver++ steps with guidance from pure noise, decoded, for each batch size; the
median of --repeats runs. Learning: one step of 16 windows with gradients to the tokens alone. The
first run of each is left out. Processor seconds stand beside the wall clock's: on a busy machine
(see the load average in speed.json) only they mean something, for one thread.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from windows import good_images

from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.prior.sampling import SamplerSettings, blended_sampling

LEARNING_BATCH = 16


def median_seconds(work: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Median seconds of the wall clock and of the processor, after one run that does not count."""
    wall, processor = [], []
    for _ in range(repeats + 1):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return {"wall": float(np.median(wall[1:])), "processor": float(np.median(processor[1:]))}


def drawing(prior: LatentDiffusion, images: torch.Tensor, region: torch.Tensor) -> None:
    """Encode, draw and decode a batch."""
    count = len(images)
    with torch.no_grad():
        normal = prior.encode(images)
        latents = blended_sampling(
            prior,
            normal=normal,
            region=region,
            context=prior.word_tokens("defect").expand(count, -1, -1),
            surroundings=normal if prior.inpainting else None,
            noise=torch.randn(normal.shape, generator=torch.Generator().manual_seed(0)),
            settings=SamplerSettings(steps=20, guidance=3.0),
        )
        prior.decode(latents)


def learning(prior: LatentDiffusion, latents: torch.Tensor, region: torch.Tensor) -> None:
    """One gradient to the tokens of a concept."""
    tokens = prior.word_tokens("defect").clone().requires_grad_()
    predicted = prior.predict_noise(
        latents,
        torch.linspace(0, len(prior.alphas_cumprod) - 1, len(latents)).long(),
        prior.context(tokens.expand(len(latents), -1, -1)),
        surroundings=latents if prior.inpainting else None,
        region=region,
    )
    predicted.square().mean().backward()  # type: ignore[no-untyped-call]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", default="embedded")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    prior = load_prior(options.prior)
    # The first load also imports diffusers and is left out.
    load = median_seconds(partial(load_prior, options.prior), options.repeats)
    size, count = prior.image_size, max(LEARNING_BATCH, *options.batches)
    image = good_images(options.data, "screw")[0][:size, :size]
    images = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    images = images.repeat(count, 1, 1, 1)
    region = torch.zeros(count, 1, prior.latent_size, prior.latent_size)
    region[:, :, 4:12, 4:12] = 1
    windows = {}
    for batch in options.batches:
        some, where = images[:batch], region[:batch]
        seconds = median_seconds(partial(drawing, prior, some, where), options.repeats)
        windows[str(batch)] = {clock: round(batch / value, 2) for clock, value in seconds.items()}
    with torch.no_grad():
        latents = prior.encode(images[:LEARNING_BATCH])
    step = median_seconds(
        lambda: learning(prior, latents, region[:LEARNING_BATCH]), options.repeats
    )
    result = {
        "prior": prior.fingerprint,
        "threads": options.threads,
        "cores_usable": len(os.sched_getaffinity(0)),
        "load_average": [round(value, 1) for value in os.getloadavg()],
        "torch": torch.__version__,
        "load_seconds": {clock: round(value, 3) for clock, value in load.items()},
        "windows_per_second_by_batch": windows,
        "learning_step_seconds": {clock: round(value, 3) for clock, value in step.items()},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "speed.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
