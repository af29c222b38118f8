"""Networks that recognise: published weights load, and features are those of a direct pass."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from anogen.detection.features import features_of
from anogen.detection.recognition import ResNet, make_recogniser
from anogen.detection.teacher import make_teacher
from anogen.errors import InputError
from anogen.metrics.perceptual_distance import perceptual_distance

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def as_batch(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images.copy()).permute(0, 3, 1, 2)


def test_the_whole_lite0_begins_as_the_teacher() -> None:
    teacher, network = make_teacher("efficientnet-lite0"), make_recogniser("efficientnet-lite0")
    network.eval()
    with torch.inference_mode():
        wanted = teacher(teacher.normalise(as_batch(IMAGES)))
        found = network(as_batch(IMAGES))
    for one, other in zip(wanted, found.maps, strict=True):
        assert torch.equal(one, other)
    assert found.logits.shape == (3, 1000)
    assert network.title == "EfficientNet-Lite0"


def test_lite0_tells_pictures_apart() -> None:
    # Weights in the wrong places would leave all images alike, and no class likely.
    y, x = np.mgrid[:224, :224]
    board = np.uint8(255 * ((x // 28 + y // 28) % 2))
    blobs = np.uint8(127 + 127 * np.sin(x / 40) * np.cos(y / 23))
    images = np.stack([np.stack([image] * 3, -1) for image in (board, blobs)])
    found = features_of(images, make_recogniser("efficientnet-lite0"))
    first, second = found.probabilities
    assert first.argmax() != second.argmax()
    assert first.max() > 0.05  # of 1000 classes
    assert first.sum() == pytest.approx(1)


def test_resnet34_has_the_published_shapes_and_loads_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ResNet((3, 4, 6, 3))
    # He et al.: 21.8 M parameters.
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_797_672
    path = tmp_path / "own.safetensors"
    save_file({name: value.clone() for name, value in network.state_dict().items()}, path)
    loaded = make_recogniser(str(path))
    assert loaded.title == "ResNet-34 of own.safetensors"
    assert torch.equal(loaded.network.state_dict()["fc.weight"], network.fc.weight)
    white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    plain = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    loaded.eval()
    network.eval()
    with torch.inference_mode():
        wanted = network.recognise(plain.view(1, 3, 1, 1).expand(1, 3, 32, 32))
        assert torch.allclose(loaded(white).logits, wanted.logits, atol=1e-5)


def test_resnet18_has_the_published_shapes() -> None:
    network = ResNet((2, 2, 2, 2))
    # torchvision's resnet18: 11,689,512 parameters.
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_689_512


def test_features_are_those_of_single_images_and_of_the_formula() -> None:
    network = make_recogniser("random")
    both = features_of(np.concatenate([IMAGES] * 6), network)  # more than one batch
    one = features_of(IMAGES[1:2], network)
    assert both.pooled[16] == pytest.approx(one.pooled[0], abs=1e-4)
    squared = ((both.perceptual[0] - both.perceptual[1]) ** 2).sum()
    with torch.inference_mode():
        maps = [layer.numpy() for layer in network(as_batch(IMAGES)).maps]
    wanted = perceptual_distance([m[:1] for m in maps], [m[1:2] for m in maps])
    assert squared == pytest.approx(wanted[0], rel=1e-3)


def test_what_is_no_resnet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable"):
        make_recogniser(str(tmp_path / "none.safetensors"))
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="not the weights of a ResNet"):
        make_recogniser(str(path))
