"""Training of the autoencoder on scenes: absolute error plus gradients at several scales."""

import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from anogen.files import write_bytes
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.precision import matrix_precision
from anogen.prior.pretrain.checkpoint import TrainingState, cosine
from anogen.prior.pretrain.log import TrainingLog
from anogen.prior.pretrain.windows import WindowBatches, windows_of
from anogen.seeds import seed_of

LOG_EVERY, SAVE_EVERY = 50, 250
"""Steps."""

STEPS_PER_VISIT = 32
"""Batches drawn from a shard before the next: each of its 1,024 windows once."""

LATENT_NOISE = 0.05
"""Deviation of the noise on latents while training: the decoder learns to bear small errors."""


def reconstruction_loss(image: Tensor, target: Tensor) -> Tensor:
    """Absolute and squared error plus absolute error of differences at scales 1, 2 and 4."""
    loss = F.l1_loss(image, target) + F.mse_loss(image, target)
    for scale in (1, 2, 4):
        a = F.avg_pool2d(image, scale) if scale > 1 else image
        b = F.avg_pool2d(target, scale) if scale > 1 else target
        for axis in (2, 3):
            loss = loss + 0.5 * (a.diff(dim=axis) - b.diff(dim=axis)).abs().mean()
    return loss


def train_autoencoder(folder: Path, *, shards: int, steps: int, seed: int) -> None:
    """Train and write ``autoencoder.safetensors``; resumes from ``autoencoder-state``."""
    torch.manual_seed(seed_of(seed, "autoencoder"))
    model = SurfaceAutoencoder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainingState({"autoencoder": model}, learning_rate=1.5e-3, decay=0.998)
    state_path = folder / "autoencoder-state.safetensors"
    if state_path.exists():
        state.load(state_path)
    log = TrainingLog(folder / "autoencoder.jsonl", done=state.done)
    batches = WindowBatches(
        folder, shards=shards, visit=STEPS_PER_VISIT, seed=seed, name="autoencoder"
    )
    started = time.monotonic()
    while state.done < steps:
        step = state.done
        target = batches(step)
        generator = torch.Generator().manual_seed(seed_of(seed, "autoencoder noise", step))
        with matrix_precision():
            latents = model.guess(target)
            noise = torch.randn(latents.shape, generator=generator)
            noisy = latents + LATENT_NOISE * noise
            image = model.decode(noisy).float()
        latents = latents.float()
        spread = (latents.square().mean(dim=(0, 2, 3)) - 1).square().mean()
        loss = reconstruction_loss(image, target) + 0.01 * spread
        state.step(loss, rate=cosine(step, steps, warm=100))
        if state.done % LOG_EVERY == 0:
            with torch.no_grad():
                error = ((image.clamp(-1, 1) - target) / 2).square().mean(dim=(1, 2, 3))
                psnr = float((-10 * error.clamp_min(1e-8).log10()).mean())
            line = {
                "step": state.done,
                "loss": round(float(loss.detach()), 5),
                "psnr": round(psnr, 3),
            }
            line["seconds"] = round(time.monotonic() - started, 1)
            log.write(line)
        if state.done % SAVE_EVERY == 0 or state.done == steps:
            state.save(state_path)
    log.close()
    finish(folder, model, state, shards=shards)


def finish(folder: Path, model: SurfaceAutoencoder, state: TrainingState, *, shards: int) -> None:
    """Write the averaged weights, with each latent channel's mean and deviation measured."""
    model.load_state_dict(state.averaged("autoencoder"), strict=False)
    model.mean.zero_()
    model.deviation.fill_(1)
    with torch.no_grad():
        parts = []
        for index in range(min(4, shards)):
            windows = windows_of(folder, index)[::4]
            for chunk in torch.split(windows, 64):
                parts.append(model.guess(chunk.float() / 127.5 - 1))
        latents = torch.cat(parts)
        model.mean.copy_(latents.mean(dim=(0, 2, 3), keepdim=True))
        model.deviation.copy_(latents.std(dim=(0, 2, 3), keepdim=True))
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    metadata = {"config": json.dumps(model.config)}
    write_bytes(folder / "autoencoder.safetensors", save(tensors, metadata))
