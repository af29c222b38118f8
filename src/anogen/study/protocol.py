"""How numbers were measured where papers differ: written beside every result, and said in words."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from anogen.detection.settings import ImageScore, MaximumOfMean, TopMean

GroundTruth = Literal["half", "full"]


class Protocol(BaseModel):
    """The switches of a measurement.

    Attributes:
        image_score: how a score map became an image score.
        ground_truth: shrunken masks count from one half, or only where full.
        include_support: whether the shots were among the test images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_score: ImageScore
    ground_truth: GroundTruth
    include_support: bool

    def __str__(self) -> str:
        score = self.image_score
        if isinstance(score, MaximumOfMean):
            rule = f"the largest mean of {score.window} x {score.window} pixels"
        elif isinstance(score, TopMean):
            rule = f"the mean of its {score.k} highest pixels"
        else:
            rule = f"the mean of the highest {100 * score.fraction:g} % of its pixels"
        truth = "from one half on" if self.ground_truth == "half" else "only where they are full"
        support = "are among" if self.include_support else "are left out of"
        return (
            f"an image's score is {rule} of the score map, shrunken masks count {truth}, and "
            f"support images {support} the test images"
        )


def protocol_sentence(found: Iterable[tuple[str, Protocol | None]]) -> str:
    """One sentence on the protocols of detectors; empty where none is known.

    Args:
        found: detector and protocol of each run; results of older versions name none.
    """
    by_protocol: dict[str, list[str]] = {}
    for detector, protocol in found:
        if protocol is not None:
            names = by_protocol.setdefault(str(protocol), [])
            if detector not in names:
                names.append(detector)
    if not by_protocol:
        return ""
    if len(by_protocol) == 1:
        return f"Measured so: {next(iter(by_protocol))}."
    parts = (f"for {' and '.join(names)}, {text}" for text, names in by_protocol.items())
    return f"Measured so: {'; '.join(parts)}."
