"""What all detectors share: optimiser, schedule, precision, state, prediction, files."""

import json
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from anogen.detection.contract import Batch, Prediction
from anogen.detection.image_score import image_score
from anogen.detection.memory import keep_freed_memory
from anogen.detection.settings import DetectorSettings
from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.prior.precision import matrix_units

S = TypeVar("S", bound=DetectorSettings)

_PREDICTION_BATCH = 16


class NetworkDetector(ABC, Generic[S]):
    """A detector around one network; subclasses say how it is built, its losses and its answer.

    Args:
        settings: resolved settings (``steps`` is set).
        seed: of the initial weights.
        device: ``"auto"`` takes a GPU when there is one.
    """

    name: str

    def __init__(self, settings: S, *, seed: int = 0, device: str = "auto") -> None:
        if settings.steps is None:
            raise ValueError("settings without steps; call settings.resolved(normals) first")
        self.settings = settings
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        # Constructors of layers draw from the global generator; it is put back afterwards.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = self.build()
        self.network.to(device=self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bf16 = uses_bf16(settings, self.device)
        self.optimiser = self._make_optimiser()
        self.steps_done = 0

    @abstractmethod
    def build(self) -> nn.Module:
        """The network, freshly initialised from torch's current generator."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named parts of the loss of this step; their sum is minimised."""

    @abstractmethod
    def probability(self, images: Tensor) -> Tensor:
        """``(B, 1, S, S)`` float32 probability of an anomaly, of uint8 images ``(B, 3, S, S)``."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters with their peak learning rates, as torch's optimisers take them."""
        return [{"params": list(self.network.parameters()), "lr": self.settings.learning_rate}]

    def train_mode(self) -> None:
        """Put the network into the mode of the current step."""
        self.network.train()

    @property
    def image_size(self) -> int:
        """Side of the images in pixels."""
        return self.settings.image_size

    def autocast(self) -> torch.autocast:
        """The context in which the network's convolutions run at the chosen precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def unit(self, images: Tensor) -> Tensor:
        """uint8 images as float32 in [0, 1], channels last."""
        return images.to(memory_format=torch.channels_last).float().div_(255)

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the named parts of the loss and their ``total``."""
        factor = rate_factor(self.settings, self.steps_done)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.train_mode()
        placed = Batch(
            image=batch.image.to(self.device),
            normal=batch.normal.to(self.device),
            mask=batch.mask.to(self.device),
            weak=batch.weak.to(self.device),
        )
        losses = self.losses(placed)
        total = torch.stack(list(losses.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.steps_done += 1
        return {name: loss.item() for name, loss in losses.items()} | {"total": total.item()}

    def state(self) -> dict[str, Tensor]:
        """Weights (``network.*``), optimiser (``optimiser.<parameter>.*``) and ``steps_done``."""
        state = {f"network.{name}": value for name, value in self.weights().items()}
        for index, values in self.optimiser.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:
                    state[f"optimiser.{index}.{name}"] = value.detach()
        state["steps_done"] = torch.tensor(self.steps_done)
        return {name: value.contiguous().cpu() for name, value in state.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state`."""
        self._load_network(
            {
                name.removeprefix("network."): value
                for name, value in state.items()
                if name.startswith("network.")
            }
        )
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        values: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser."):
                _, index, key = name.split(".", 2)
                parameter = parameters[int(index)]
                # Fused optimisers walk through memory: moments must lie there as weights do.
                laid = torch.empty_like(parameter) if value.ndim else torch.empty_like(value)
                values.setdefault(int(index), {})[key] = laid.detach().copy_(value)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": values, "param_groups": groups})
        self.steps_done = int(state["steps_done"])

    def weights(self) -> dict[str, Tensor]:
        """The network's weights; subclasses leave out what is frozen and stored elsewhere."""
        return dict(self.network.state_dict())

    @torch.inference_mode()
    def predict(self, images: NDArray[np.uint8]) -> Prediction:
        """Scores of uint8 images ``(N, S, S, 3)`` RGB; any N.

        Raises:
            InputError: if the images have another size.
        """
        size = self.image_size
        if images.shape[1:] != (size, size, 3):
            raise InputError(
                f"the detector wants images of shape (N, {size}, {size}, 3), not {images.shape}; "
                "resize them first."
            )
        self.network.eval()
        scores = np.empty(len(images), dtype=np.float32)
        maps = np.empty((len(images), size, size), dtype=np.float16)
        for start in range(0, len(images), _PREDICTION_BATCH):
            part = torch.from_numpy(images[start : start + _PREDICTION_BATCH].copy())
            probability = self.probability(part.permute(0, 3, 1, 2).to(self.device))
            for index, score_map in enumerate(probability[:, 0].cpu().numpy(), start):
                scores[index] = image_score(score_map, self.settings.image_score)
                maps[index] = score_map
        return Prediction(image_scores=scores, score_maps=maps)

    def save(self, path: Path, *, provenance: dict[str, str] | None = None) -> None:
        """Write the weights, settings and ``provenance`` as one ``.safetensors`` file."""
        header = (provenance or {}) | {"settings": self.settings.model_dump_json()}
        weights = {name: value.contiguous().cpu() for name, value in self.weights().items()}
        write_bytes(path, to_bytes(weights, metadata=to_metadata(header)))

    def load_weights(self, path: Path) -> None:
        """Take the weights of a file that :meth:`save` wrote for the same settings.

        Raises:
            InputError: if the file is damaged or does not fit.
        """
        try:
            self._load_network(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(
                f"{path}: not the weights of a {self.name} with these settings; train it again."
            ) from error

    def _load_network(self, weights: dict[str, Tensor]) -> None:
        expected = self.weights().keys()
        if weights.keys() != expected:
            raise RuntimeError(f"other weights: {sorted(weights.keys() ^ expected)[:3]}")
        self.network.load_state_dict(weights, strict=False)

    def _make_optimiser(self) -> torch.optim.Optimizer:
        settings = self.settings
        groups = [group | {"peak": group["lr"]} for group in self.parameter_groups()]
        if settings.optimiser == "sgd":
            return torch.optim.SGD(
                groups, momentum=settings.momentum, weight_decay=settings.weight_decay
            )
        kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
        # Fused: a quarter of the time, which is half a second a step at DRAEM's full size.
        return kind(
            groups,
            betas=(settings.momentum, 0.999),
            weight_decay=settings.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )


def rate_factor(settings: DetectorSettings, step: int) -> float:
    """Learning rate of step ``step`` (from 0) as a share of its peak."""
    assert settings.steps is not None
    progress = step / settings.steps
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "steps":
        return settings.drop ** sum(progress >= milestone for milestone in settings.milestones)
    if progress < settings.warm_up:
        return (step + 1) / math.ceil(settings.warm_up * settings.steps)
    falling = (progress - settings.warm_up) / (1 - settings.warm_up)
    return 0.5 * (1 + math.cos(math.pi * falling))


def uses_bf16(settings: DetectorSettings, device: torch.device) -> bool:
    """Whether convolutions run in bfloat16: forced, or ``auto`` on hardware that multiplies it.

    On a processor that is AMX: without it, bfloat16 is slower than float32.
    """
    if settings.precision != "auto":
        return settings.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return matrix_units()


def to_metadata(header: dict[str, str]) -> dict[str, str]:
    """``header`` as metadata of a ``.safetensors`` file.

    Under one key, since safetensors writes several in random order, and equal trainings are to
    give equal bytes.
    """
    return {"anogen": json.dumps(header, sort_keys=True)}


def read_header(path: Path) -> dict[str, str]:
    """The header of a ``.safetensors`` file that a detector or a training wrote.

    Raises:
        InputError: if the file is missing, damaged, or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = json.loads((file.metadata() or {})["anogen"])
        if not isinstance(header["settings"], str):  # as in a concept's file
            raise KeyError("settings")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: not a file of a detector's training, or damaged; delete it and train again."
        ) from error
    return header
