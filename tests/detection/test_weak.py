import pytest
import torch

from anogen.detection.settings import preset
from anogen.detection.weak import (
    loss_weights,
    small_defect_weights,
    weak_focal_loss,
    weighted_mean,
)


def four_pixels(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 2, 2)


PROBABILITY = four_pixels(0.05, 0.2, 0.05, 0.95)
MASK = four_pixels(1, 1, 0, 0)


def test_confident_normal_pixels_of_the_box_carry_no_loss() -> None:
    weights = loss_weights(PROBABILITY, MASK, torch.tensor([True]), tau=0.9, scope="boxes")
    assert weights.flatten().tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(("scope", "first"), [("boxes", 1), ("all", 0)])
def test_scope_decides_about_exact_masks(scope: str, first: int) -> None:
    weights = loss_weights(PROBABILITY, MASK, torch.tensor([False]), tau=0.9, scope=scope)  # type: ignore[arg-type]
    assert weights.flatten().tolist() == [first, 1, 1, 1]


def test_tau_moves_the_limit_and_one_keeps_everything() -> None:
    weak = torch.tensor([True])
    lower = loss_weights(PROBABILITY, MASK, weak, tau=0.75, scope="boxes")
    assert lower.flatten().tolist() == [0, 0, 1, 1]
    certain = torch.zeros(1, 1, 2, 2)
    full = loss_weights(certain, torch.ones_like(certain), weak, tau=1.0, scope="boxes")
    assert full.flatten().tolist() == [1, 1, 1, 1]


def test_soft_masks_drop_their_share() -> None:
    weights = loss_weights(PROBABILITY, 0.25 * MASK, torch.tensor([True]), tau=0.9, scope="boxes")
    assert weights.flatten().tolist() == [0.75, 1, 1, 1]


def test_normalisations_by_hand() -> None:
    loss, weights = four_pixels(8, 1, 2, 3), four_pixels(0, 1, 1, 1)
    assert weighted_mean(loss, weights, normalisation="kept").item() == 2
    assert weighted_mean(loss, weights, normalisation="all").item() == 1.5
    assert weighted_mean(loss, 0 * weights, normalisation="kept").item() == 0


def test_dropped_pixels_have_no_gradient() -> None:
    p = PROBABILITY.clone().requires_grad_()
    weak_focal_loss(p, MASK, torch.tensor([True]), preset("unet", "paper")).backward()
    assert p.grad is not None
    zero = p.grad.flatten() == 0
    assert zero.tolist() == [True, False, False, False]
    assert p.grad.flatten()[1] < 0 < p.grad.flatten()[3]


def test_pixels_of_small_defects_weigh_more() -> None:
    mask = torch.zeros(4, 1, 10, 10)
    mask[0, 0, :5] = 1  # half of the image: as every other
    mask[1, 0, 0, :5] = 1  # a twentieth: twice
    mask[2, 0, 0, 0] = 0.01  # next to nothing: at most eight times, by its share
    weights = small_defect_weights(mask, 0.2)
    assert weights[0].unique().tolist() == [1]
    assert weights[1][mask[1] > 0].unique().tolist() == [2]
    assert weights[1][mask[1] == 0].unique().tolist() == [1]
    assert weights[2].max().item() == pytest.approx(1 + 7 * 0.01)
    assert weights[3].unique().tolist() == [1]
    assert small_defect_weights(mask, 0).unique().tolist() == [1]


@pytest.mark.parametrize("name", ["paper", "official"])
@pytest.mark.parametrize("detector", ["unet", "draem", "destseg"])
def test_the_papers_weigh_all_pixels_alike(detector: str, name: str) -> None:
    assert preset(detector, name).small_defects == 0


def test_the_loss_weighs_small_defects() -> None:
    settings = preset("unet", "paper").model_copy(update={"small_defects": 0.5, "tau": 1.0})
    even = settings.model_copy(update={"small_defects": 0.0})
    mask, weak = four_pixels(1.0, 0, 0, 0), torch.tensor([False])
    gradients = []
    for one in (settings, even):
        p = PROBABILITY.clone().requires_grad_()
        weak_focal_loss(p, mask, weak, one).backward()
        assert p.grad is not None
        gradients.append(p.grad.flatten())
    ratio = gradients[0] / gradients[1]
    torch.testing.assert_close(ratio, torch.tensor([2**0.5, 1, 1, 1]))
