"""Training of the correction of latents, encoder and decoder as they are."""

import json
import time
from pathlib import Path

import torch
from safetensors.torch import save

from anogen.files import write_bytes
from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.pretrain.checkpoint import TrainingState, cosine
from anogen.prior.pretrain.log import TrainingLog
from anogen.prior.pretrain.windows import WindowBatches
from anogen.seeds import seed_of

WIDTH = 96
STEPS_PER_VISIT = 64
"""Batches drawn from a shard before the next: 16 of its 1,024 windows each."""

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
    batches = WindowBatches(
        folder, shards=shards, visit=STEPS_PER_VISIT, seed=seed, name="correction"
    )
    started = time.monotonic()
    while state.done < steps:
        step = state.done
        target = batches(step)
        with torch.no_grad():
            guess = model.guess(target)
        decoded = model.decode(model.corrected(guess, target))
        error = (decoded - target).square().mean(dim=(1, 2, 3))
        loss = (error + 1e-6).sqrt().mean()
        state.step(loss, rate=cosine(step, steps, warm=50))
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
