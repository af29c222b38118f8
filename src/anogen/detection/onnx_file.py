"""A trained detector as an ONNX file, which runs without Python and torch.

Input ``image``: uint8 ``(N, S, S, 3)`` RGB at the detector's size. Outputs ``image_score``: float32
``(N,)``, larger is more anomalous, and ``score_map``: float32 ``(N, S, S)`` in [0, 1]. The file's
metadata name the detector, its size, and the threshold where one is known.
"""

import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anogen import __version__
from anogen.detection.network_detector import NetworkDetector
from anogen.detection.saved import load_detector
from anogen.detection.settings import DetectorSettings, ImageScore, MaximumOfMean, TopMean
from anogen.errors import InputError
from anogen.files import write_bytes

NEEDED = ("onnx", "onnxscript")


class _Inspection(nn.Module):
    """Pixels to scores, as ``predict`` has them."""

    def __init__(self, detector: NetworkDetector[DetectorSettings]) -> None:
        super().__init__()
        self.network = detector.network
        self._detector = detector

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        score_map = self._detector.probability(image.permute(0, 3, 1, 2))[:, 0]
        return scores_of(score_map, self._detector.settings.image_score), score_map


def scores_of(score_maps: Tensor, settings: ImageScore) -> Tensor:
    """Image scores ``(N,)`` of score maps ``(N, S, S)``: ``image_score`` for tensors."""
    if isinstance(settings, MaximumOfMean):
        side = settings.window
        # Outside the map counts as zero.
        means = F.avg_pool2d(score_maps[:, None], side, stride=1, padding=side // 2)
        return means.amax(dim=(1, 2, 3))
    pixels = score_maps.flatten(1)
    if isinstance(settings, TopMean):
        count = min(settings.k, pixels.shape[1])
    else:
        count = max(1, round(settings.fraction * pixels.shape[1]))
    return pixels.topk(count, dim=1).values.mean(dim=1)


def write_onnx(model: Path, path: Path, *, metadata: Mapping[str, str]) -> int:
    """Write a trained detector as one ONNX file, atomically.

    Args:
        model: the detector's ``model.safetensors``.
        path: the file to write.
        metadata: what it says beside the detector's name and size.

    Returns:
        The side of the images that it takes, in pixels.

    Raises:
        InputError: if the packages that write ONNX are not installed, or as ``load_detector``.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise InputError(
            f"an ONNX file needs the package {' and '.join(missing)}; install them with "
            "pip install 'anogen[onnx]'."
        )
    detector = load_detector(model, device="cpu")
    assert isinstance(detector, NetworkDetector)
    detector.bf16 = False
    module, side = _Inspection(detector).eval(), detector.image_size
    with _silence(), torch.no_grad():
        program = torch.onnx.export(
            module,
            (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
            input_names=["image"],
            output_names=["image_score", "score_map"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    facts = {"anogen": __version__, "detector": detector.name, "image_size": str(side)}
    program.model.metadata_props.update(facts | dict(metadata))
    written = program.model_proto
    for node in written.graph.node:
        del node.metadata_props[:]  # where in whose files the code stands
    write_bytes(path, written.SerializeToString(deterministic=True))
    return side


@contextmanager
def _silence() -> Iterator[None]:
    """Keep torch from speaking of its exporter and of packages that it can do without."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
