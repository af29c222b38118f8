"""Opening a trained detector."""

import json
from pathlib import Path

from anogen.detection.contract import Detector, detectors
from anogen.detection.network_detector import read_header
from anogen.detection.settings import DetectorSettings, settings_from

MODEL = "model.safetensors"


def load_detector(path: Path, *, device: str = "auto") -> Detector:
    """The detector saved in ``path``; it predicts exactly as before it was saved.

    Raises:
        InputError: if the file is missing, damaged, or of another kind.
    """
    settings = settings_from(json.loads(read_header(path)["settings"]), source=str(path))
    detector = make_detector(settings, device=device)
    detector.load_weights(path)
    return detector


def make_detector(settings: DetectorSettings, *, seed: int = 0, device: str = "auto") -> Detector:
    """A fresh detector from resolved settings."""
    return detectors[settings.name](settings, seed=seed, device=device)
