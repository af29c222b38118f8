"""The object in each good image, on which procedural anomalies stay.

An anomaly beside the part teaches a detector to look at the background: on MVTec's screws that
fill a tenth of the image, most of what DRAEM draws lies there.
"""

import numpy as np
from numpy.typing import NDArray

from anogen.placement.foreground import PROBES, choose_method, foreground, median_image
from anogen.placement.settings import ForegroundMethod


def objects_of(normals: NDArray[np.uint8], method: ForegroundMethod) -> NDArray[np.bool_] | None:
    """Boolean ``(N, S, S)``: the object of each image; None where surfaces fill the images.

    Args:
        normals: the good images, uint8 ``(N, S, S, 3)``.
        method: as placement finds objects; ``auto`` chooses by a dozen of the images.
    """
    probes = normals[:: max(1, len(normals) // PROBES)][:PROBES]
    if method == "auto":
        method = choose_method(probes)
    if method == "whole":
        return None
    median = median_image(probes) if method == "median" else None
    return np.stack([foreground(image, method, median=median) for image in normals])
