import pytest
import torch
from examples import tiny, tiny_settings

from anogen.detection.draem import ReconstructionNetwork
from anogen.detection.saved import make_detector
from anogen.detection.sspcab import PredictiveBlock
from anogen.detection.unet import UNet, anomaly_probability


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_paper_sizes() -> None:
    with torch.device("meta"):
        # Counts of the released networks (millions): 69.05 and 28.37.
        assert round(parameters(ReconstructionNetwork(width=128)) / 1e6, 2) == 69.05
        assert round(parameters(UNet(6, width=64)) / 1e6, 2) == 28.37


def test_width_scales_and_patch_keeps_the_resolution() -> None:
    images = torch.rand(2, 3, 128, 64)
    for patch in (1, 2):
        assert UNet(3, width=2, patch=patch)(images).shape == (2, 2, 128, 64)
        assert ReconstructionNetwork(width=2, patch=patch)(images)[0].shape == images.shape
    narrow, wide = (parameters(UNet(3, width=width)) for width in (8, 16))
    assert 3.9 < wide / narrow < 4.1


def test_probability_is_the_softmax_of_the_second_class() -> None:
    logits = torch.randn(2, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = logits.softmax(dim=1)[:, 1:]
    torch.testing.assert_close(anomaly_probability(logits), expected)
    assert anomaly_probability(logits.bfloat16()).dtype == torch.float32


def test_sspcab_sees_the_four_corners_only() -> None:
    block = PredictiveBlock(2)
    features = torch.rand(1, 2, 9, 9, requires_grad=True)
    block.corners(features)[0, :, 4, 4].sum().backward()
    assert features.grad is not None
    seen = features.grad.abs().sum(dim=(0, 1)).nonzero().tolist()
    assert seen == [[2, 2], [2, 6], [6, 2], [6, 6]]
    assert block(features).shape == features.shape


def test_draem_with_sspcab_adds_its_loss() -> None:
    settings = tiny_settings("draem").model_copy(update={"sspcab": True})
    _, mixture = tiny("draem")
    losses = make_detector(settings).step(mixture.batch(0, seed=0))
    parts = {name: value for name, value in losses.items() if name != "total"}
    assert set(parts) == {"l2", "ssim", "focal", "sspcab"}
    assert losses["total"] == pytest.approx(sum(parts.values()), rel=1e-5)
