"""Making a detector, and opening a trained one."""

import json
from pathlib import Path

from anogen.detection.contract import Detector, detectors
from anogen.detection.network_detector import read_header
from anogen.detection.settings import DetectorSettings, settings_from
from anogen.detection.start import start_file
from anogen.errors import InputError

MODEL = "model.safetensors"


def load_detector(path: Path, *, device: str = "auto") -> Detector:
    """The detector saved in ``path``; it predicts exactly as before it was saved.

    Raises:
        InputError: if the file is missing, damaged, or of another kind.
    """
    settings = settings_from(json.loads(read_header(path)["settings"]), source=str(path))
    detector = detectors[settings.name](settings, device=device)
    detector.load_weights(path)
    return detector


def make_detector(settings: DetectorSettings, *, seed: int = 0, device: str = "auto") -> Detector:
    """A detector to be trained, from resolved settings; its weights are where ``start`` says.

    Raises:
        InputError: if the file of ``start`` is missing, damaged, or of another network.
    """
    detector = detectors[settings.name](settings, seed=seed, device=device)
    path = start_file(settings)
    if path is not None:
        try:
            detector.load_weights(path)
        except InputError as error:
            raise InputError(
                f"detectors.{settings.name}.start: {path} has no weights of a {settings.name} of "
                "this shape; give the model.safetensors of one, or start random."
            ) from error
    return detector
