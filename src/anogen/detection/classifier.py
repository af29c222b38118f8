"""The classifier of defect types, trained on generated images alone.

Hu et al.: "AnomalyDiffusion", AAAI 2024: a ResNet-34 learns from generated images which type a
defect is, and is judged by its accuracy on the real ones that were held out.

Departures from the released code: labels are the sorted names of the defects, not the order of
folders on a disk; accuracy is over the whole test set, not its last batch; the last weights are
kept, not those that did best on the test set; images are normalised as the network's weights want
it. Offline, EfficientNet-Lite0 stands in for ResNet-34, and results name it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from anogen.detection.augmentation import Augmentation
from anogen.detection.network_detector import read_header, to_metadata
from anogen.detection.recognition import Recogniser, make_recogniser
from anogen.detection.settings import ClassifierSettings, MixtureSettings
from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.seeds import rng_of

_PREDICTION_BATCH = 32


@dataclass(frozen=True)
class LabelledBatch:
    """uint8 images ``(B, 3, S, S)`` RGB and their classes, int64 ``(B,)``."""

    image: Tensor
    label: Tensor


class LabelledImages:
    """Training batches in which each defect is equally likely, however many images it has.

    Args:
        images: uint8 ``(N, S, S, 3)``.
        defects: the defect of each image.
        settings: batch size and augmentation.

    Raises:
        InputError: with fewer than two types of defects.
    """

    def __init__(
        self, images: NDArray[np.uint8], defects: Sequence[str], *, settings: ClassifierSettings
    ) -> None:
        self.labels = tuple(sorted(set(defects)))
        if len(self.labels) < 2:
            raise InputError(
                f"a classifier wants generated images of two types of defects at least, not of "
                f"{', '.join(self.labels) or 'none'}."
            )
        self._images = images
        self._settings = settings
        self._augmentation = MixtureSettings(
            horizontal_flip=settings.flips, vertical_flip=settings.flips
        )
        names = np.asarray(defects)
        self._members = [np.flatnonzero(names == label) for label in self.labels]

    def batch(self, step: int, *, seed: int) -> LabelledBatch:
        """The batch of ``step`` (from 0) under ``seed``."""
        rng = rng_of(seed, "batch", step)
        labels = rng.integers(len(self.labels), size=self._settings.batch_size)
        images = [
            Augmentation(self._augmentation, rng).image(
                self._images[rng.choice(self._members[label])]
            )
            for label in labels
        ]
        return LabelledBatch(
            torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.from_numpy(labels)
        )

    def fingerprint(self) -> str:
        """Hex hash of everything that the batches depend on, the seed apart."""
        digest = hashlib.sha256(np.ascontiguousarray(self._images).data)
        for label, members in zip(self.labels, self._members, strict=True):
            digest.update(label.encode() + b"\n")
            digest.update(members.data)
        return digest.hexdigest()


class DefectClassifier:
    """A network with one class for each type of defect.

    Args:
        settings: resolved settings (``steps`` is set).
        labels: names of the defects, sorted.
        seed: of the weights of the last layer.
        recogniser: what training starts from; None makes the one that the settings name.
        device: ``"auto"`` takes a GPU when there is one.

    Raises:
        InputError: if the network's weights cannot be had.
        ValueError: if the labels are not sorted, or ``steps`` are not set.
    """

    def __init__(
        self,
        settings: ClassifierSettings,
        labels: Sequence[str],
        *,
        seed: int = 0,
        recogniser: Recogniser | None = None,
        device: str = "auto",
    ) -> None:
        if settings.steps is None:
            raise ValueError("settings without steps; call settings.resolved(images) first")
        if list(labels) != sorted(set(labels)):
            raise ValueError(f"labels must be sorted and different: {labels}")
        self.settings = settings
        self.labels = tuple(labels)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        # Constructors of layers draw from the global generator; it is put back afterwards.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._recogniser = recogniser or make_recogniser(settings.network)
            self._recogniser.network.set_classes(len(labels))
        self.title = self._recogniser.title
        self._recogniser.to(device=self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.Adam(self._recogniser.parameters(), lr=settings.learning_rate)

    def step(self, batch: LabelledBatch) -> dict[str, float]:
        """One optimiser step on the cross-entropy."""
        self._recogniser.train()
        logits = self._recogniser(batch.image.to(self.device)).logits
        loss = nn.functional.cross_entropy(logits, batch.label.to(self.device))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return {"cross_entropy": loss.item()}

    @torch.inference_mode()
    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities ``(N, labels)`` of uint8 images ``(N, S, S, 3)`` RGB; any N."""
        self._recogniser.eval()
        found = np.empty((len(images), len(self.labels)), np.float32)
        for start in range(0, len(images), _PREDICTION_BATCH):
            part = torch.from_numpy(images[start : start + _PREDICTION_BATCH].copy())
            logits = self._recogniser(part.permute(0, 3, 1, 2).to(self.device)).logits
            found[start : start + len(part)] = torch.softmax(logits.float(), 1).cpu().numpy()
        return found

    def state(self) -> dict[str, Tensor]:
        """Weights (``network.*``) and optimiser (``optimiser.<parameter>.*``)."""
        state = {f"network.{name}": value for name, value in self._weights().items()}
        for index, values in self._optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{index}.{name}": value for name, value in values.items()}
        return {name: value.detach().contiguous().cpu() for name, value in state.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state`."""
        weights, values = {}, dict[int, dict[str, Tensor]]()
        for name, value in state.items():
            if name.startswith("network."):
                weights[name.removeprefix("network.")] = value
            else:
                _, index, key = name.split(".", 2)
                values.setdefault(int(index), {})[key] = value.clone()
        self._recogniser.network.load_state_dict(weights)
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": values, "param_groups": groups})

    def save(self, path: Path, *, provenance: dict[str, str] | None = None) -> None:
        """Write the weights, settings, labels and ``provenance`` as one ``.safetensors`` file."""
        header = (provenance or {}) | {
            "settings": self.settings.model_dump_json(),
            "labels": json.dumps(self.labels),
            "kind": self._recogniser.kind,
            "title": self.title,
        }
        weights = {name: value.contiguous().cpu() for name, value in self._weights().items()}
        write_bytes(path, to_bytes(weights, metadata=to_metadata(header)))

    def load_weights(self, path: Path) -> None:
        """Take the weights of a file that :meth:`save` wrote for the same settings and labels.

        Raises:
            InputError: if the file is damaged or does not fit.
        """
        try:
            self._recogniser.network.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(
                f"{path}: not the weights of a classifier with these settings; train it again."
            ) from error

    def _weights(self) -> dict[str, Tensor]:
        return dict(self._recogniser.network.state_dict())


def load_classifier(path: Path, *, device: str = "auto") -> DefectClassifier:
    """The classifier saved in ``path``; it predicts exactly as before it was saved.

    Raises:
        InputError: if the file is missing, damaged, or of another kind.
    """
    header = read_header(path)
    try:
        settings = ClassifierSettings.model_validate_json(header["settings"])
        labels = json.loads(header["labels"])
        # Not by the settings: the weights that training started from need not be there any more.
        recogniser = Recogniser(header["kind"], title=header["title"])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not a classifier of defect types; train it again.") from error
    classifier = DefectClassifier(settings, labels, recogniser=recogniser, device=device)
    classifier.load_weights(path)
    return classifier
