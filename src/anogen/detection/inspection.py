"""What a trained detector says about one image of any size and kind."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anogen.data.images import Pixels, to_rgb8
from anogen.data.resizing import resize_image
from anogen.detection.contract import Detector


@dataclass(frozen=True)
class Inspection:
    """A detector's answer.

    Attributes:
        score: larger is more anomalous.
        score_map: float16 ``(H, W)`` in [0, 1], at the image's own size.
    """

    score: float
    score_map: NDArray[np.float16]


def inspect(detector: Detector, image: Pixels) -> Inspection:
    """Score one image: shrunk to the detector's size, the map stretched back.

    Args:
        detector: trained (``detection.saved.load_detector``).
        image: uint8 or uint16, ``(H, W)`` grey or ``(H, W, 3)`` RGB, of any size, as
            ``data.images.read_image`` gives it.
    """
    image = to_rgb8(image)
    prediction = detector.predict(resize_image(image, detector.image_size)[None])
    return Inspection(
        score=float(prediction.image_scores[0]),
        score_map=_at_size(prediction.score_maps[0], *image.shape[:2]),
    )


def _at_size(score_map: NDArray[np.float16], height: int, width: int) -> NDArray[np.float16]:
    larger = height > score_map.shape[0] or width > score_map.shape[1]
    stretched: Any = cv2.resize(
        score_map.astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_LINEAR if larger else cv2.INTER_AREA,
    )
    return np.asarray(stretched, dtype=np.float16)
