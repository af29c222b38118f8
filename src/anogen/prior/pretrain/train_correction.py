"""Training of the correction of latents, encoder and decoder as they are."""

import json
import math
import time
from pathlib import Path

import torch
from safetensors.torch import save

from anogen.files import write_bytes
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.pretrain.checkpoint import TrainingState
from anogen.prior.pretrain.log import TrainingLog
from anogen.prior.pretrain.train_autoencoder import windows_of
from anogen.seeds import rng_of, seed_of

WIDTH = 96
BATCH = 16
STEPS_PER_VISIT = 64
"""Batches drawn from a shard before the next: each of its 1,024 windows once."""

LOG_EVERY, SAVE_EVERY = 50, 250
"""Steps."""


def with_correction(model: SurfaceAutoencoder, *, width: int, seed: int) -> SurfaceAutoencoder:
    """The same autoencoder with a fresh correction, which changes nothing yet."""
    torch.manual_seed(seed_of(seed, "correction"))
    grown = SurfaceAutoencoder(**model.config | {"correction": width})
    grown.load_state_dict(model.state_dict(), strict=False)
    grown.requires_grad_(False)
    assert grown.correction is not None
    grown.correction.requires_grad_(True)
    return grown.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def train_correction(
    folder: Path, model: SurfaceAutoencoder, *, shards: int, steps: int, seed: int
) -> None:
    """Train and write ``corrected.safetensors``; resumes from ``correction-state``.

    The loss is the root of a window's mean squared error, so that a tenth less of it counts the
    more the coarser the window was decoded.
    """
    model = with_correction(model, width=WIDTH, seed=seed)
    assert model.correction is not None
    state = TrainingState({"correction": model.correction}, learning_rate=1e-3, decay=0.995)
    state_path = folder / "correction-state.safetensors"
    if state_path.exists():
        state.load(state_path)
    log = TrainingLog(folder / "correction.jsonl", done=state.done)
    loaded, windows = -1, torch.empty(0)
    started = time.monotonic()
    while state.done < steps:
        step = state.done
        visit = step // STEPS_PER_VISIT
        if visit != loaded:
            windows, loaded = windows_of(folder, visit % shards), visit
            order = torch.from_numpy(rng_of(seed, "correction", visit).permutation(len(windows)))
            batches = order.tensor_split(STEPS_PER_VISIT)
        target = windows[batches[step % STEPS_PER_VISIT]].float() / 127.5 - 1
        target = target.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            guess = model.guess(target)
        decoded = model.decode(model.corrected(guess, target))
        error = (decoded - target).square().mean(dim=(1, 2, 3))
        loss = (error + 1e-6).sqrt().mean()
        rate = min(1.0, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        state.step(loss, rate=rate)
        if state.done % LOG_EVERY == 0:
            with torch.no_grad():
                before = (model.decode(guess) - target).square().mean(dim=(1, 2, 3))
                gain = float(10 * (before / error.detach()).log10().mean())
            line = {"step": state.done, "loss": round(float(loss.detach()), 5)}
            line |= {"gain_db": round(gain, 3), "seconds": round(time.monotonic() - started, 1)}
            log.write(line)
        if state.done % SAVE_EVERY == 0 or state.done == steps:
            state.save(state_path)
    log.close()
    model.correction.load_state_dict(state.averaged("correction"))
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    metadata = {"config": json.dumps(model.config)}
    write_bytes(folder / "corrected.safetensors", save(tensors, metadata))
