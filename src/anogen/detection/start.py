"""Where the weights of a detector start that is to be trained."""

from pathlib import Path

from anogen.detection.settings import PRETRAINED, RANDOM, DetectorSettings
from anogen.errors import InputError
from anogen.files import sha256_of

_PACKAGED = Path(__file__).parent / "weights"


def start_file(settings: DetectorSettings) -> Path | None:
    """The weights that a training starts from; None for random ones.

    Raises:
        InputError: if there is no such file.
    """
    if settings.start == RANDOM:
        return None
    if settings.start == PRETRAINED:
        return _PACKAGED / f"{settings.name}.safetensors"
    path = Path(settings.start).expanduser()
    if not path.is_file():
        raise InputError(
            f"detectors.{settings.name}.start: {settings.start} is neither random nor pretrained "
            "nor a file; give the model.safetensors of a training."
        )
    return path


def start_fingerprint(settings: DetectorSettings) -> str:
    """What tells a start from another: ``random``, or the hash of the weights, 16 hex digits."""
    path = start_file(settings)
    return RANDOM if path is None else sha256_of(path)[:16]
