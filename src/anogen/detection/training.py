"""The training loop of all detectors and classifiers: deterministic, resumable, test-blind."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import parent_process
from pathlib import Path
from typing import Protocol, TypeVar

from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor
from tqdm import tqdm

from anogen.detection.network_detector import read_header, to_metadata
from anogen.detection.saved import MODEL
from anogen.errors import InputError
from anogen.files import write_bytes, write_text

CHECKPOINT = "checkpoint.safetensors"
LOG = "train.jsonl"

_LOG_EVERY = 10

B = TypeVar("B")
B_in = TypeVar("B_in", contravariant=True)
B_out = TypeVar("B_out", covariant=True)


class _Settings(Protocol):
    @property
    def steps(self) -> int | None: ...

    def model_dump_json(self) -> str: ...


class Trainee(Protocol[B_in]):
    """What is trained: the part of a detector's contract that training needs."""

    @property
    def settings(self) -> _Settings:
        """What it was made from."""
        ...

    def step(self, batch: B_in) -> dict[str, float]:
        """One optimiser step; returns the named parts of the loss."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything that an exact resume needs."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state`."""
        ...

    def save(self, path: Path, *, provenance: dict[str, str] | None = None) -> None:
        """Write the weights, settings and ``provenance``."""
        ...

    def load_weights(self, path: Path) -> None:
        """Take the weights of a file that :meth:`save` wrote."""
        ...


class Batches(Protocol[B_out]):
    """Where batches come from, such as a ``Mixture``."""

    def batch(self, step: int, *, seed: int) -> B_out:
        """The batch of a step, which depends on nothing but the step and the seed."""
        ...

    def fingerprint(self) -> str:
        """A hash of everything that the batches depend on, the seed apart."""
        ...


def train(
    detector: Trainee[B],
    mixture: Batches[B],
    *,
    steps: int,
    seed: int,
    folder: Path,
    checkpoint_every: int = 200,
    on_log: Callable[[dict[str, float]], None] | None = None,
) -> None:
    """Train ``detector`` and leave ``model.safetensors`` and ``train.jsonl`` in ``folder``.

    A training that was killed goes on from its last checkpoint and ends with the same bytes as
    an unbroken one; a finished one is only loaded. The final weights are kept.

    Args:
        detector: freshly made, from the same settings and seed as before when it resumes.
        mixture: where the batches come from.
        steps: optimiser steps; the settings' ``steps``.
        seed: of the batches.
        folder: made if missing.
        checkpoint_every: steps between checkpoints.
        on_log: called with each line of the log: ``step`` and the mean loss parts since the last.

    Raises:
        InputError: if the folder holds a training with other settings, data or seed, or a
            damaged checkpoint.
        ValueError: if ``steps`` are not those of the settings.
    """
    if steps != detector.settings.steps:
        raise ValueError(f"{steps} steps, but settings for {detector.settings.steps}")
    identity = {
        "settings": detector.settings.model_dump_json(),
        "seed": str(seed),
        "mixture": mixture.fingerprint(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    model, checkpoint = folder / MODEL, folder / CHECKPOINT
    if model.exists():
        _demand_same(model, read_header(model), identity)
        detector.load_weights(model)
        checkpoint.unlink(missing_ok=True)  # left by a kill between the two last actions
        return
    start = _resume(detector, checkpoint, identity)
    _rewind_log(folder / LOG, start)
    parts: list[dict[str, float]] = []
    with (folder / LOG).open("a") as log:
        for step, batch in _batches(mixture, start, steps, seed):
            parts.append(detector.step(batch))
            done = step + 1
            saving = done % checkpoint_every == 0 and done < steps
            if saving or done % _LOG_EVERY == 0 or done == steps:
                line = {"step": done} | _means(parts)
                log.write(json.dumps(line) + "\n")
                log.flush()
                parts = []
                if on_log is not None:
                    on_log(line)
            if saving:
                os.fsync(log.fileno())  # the log is never behind a checkpoint
                header = identity | {"step": str(done)}
                write_bytes(checkpoint, to_bytes(detector.state(), metadata=to_metadata(header)))
        os.fsync(log.fileno())
    detector.save(model, provenance={"seed": str(seed), "mixture": identity["mixture"]})
    checkpoint.unlink(missing_ok=True)


def _batches(mixture: Batches[B], start: int, steps: int, seed: int) -> Iterator[tuple[int, B]]:
    # One batch is drawn while the network works on the one before.
    with ThreadPoolExecutor(max_workers=1) as worker:
        following = worker.submit(mixture.batch, start, seed=seed) if start < steps else None
        progress = tqdm(
            range(start, steps),
            initial=start,
            total=steps,
            desc="train",
            file=sys.stderr,
            # Bars of processes side by side would write over each other.
            disable=not sys.stderr.isatty() or parent_process() is not None,
        )
        for step in progress:
            assert following is not None
            batch = following.result()
            if step + 1 < steps:
                following = worker.submit(mixture.batch, step + 1, seed=seed)
            yield step, batch


def _resume(detector: Trainee[B], checkpoint: Path, identity: dict[str, str]) -> int:
    if not checkpoint.exists():
        return 0
    header = read_header(checkpoint)
    _demand_same(checkpoint, header, identity)
    detector.load_state(load_file(checkpoint))
    return int(header["step"])


def _demand_same(path: Path, header: dict[str, str], identity: dict[str, str]) -> None:
    for name, value in identity.items():
        if header.get(name) != value:
            what = {"settings": "settings", "seed": "seed", "mixture": "training images"}[name]
            raise InputError(
                f"{path}: belongs to a training with other {what}; use another folder, or delete "
                "this one to train again."
            )


def _rewind_log(path: Path, step: int) -> None:
    # Lines after the checkpoint will be written again; a kill may have cut the last one.
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:
            break
    write_text(path, "".join(kept))


def _means(parts: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each part of the loss; a stage that changes between two lines changes them."""
    values = {name: [part[name] for part in parts if name in part] for name in parts[-1]}
    return {name: sum(found) / len(found) for name, found in values.items()}
