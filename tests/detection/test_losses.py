import pytest
import torch
from torch.nn import functional

from anogen.detection.losses import cosine_loss, focal_loss, ssim_loss


@pytest.mark.parametrize("gamma", [0.0, 2.0, 4.0])
def test_focal_equals_one_hot_form(gamma: float) -> None:
    generator = torch.Generator().manual_seed(1)
    p = torch.rand(2, 1, 5, 7, generator=generator)
    target = (torch.rand(2, 1, 5, 7, generator=generator) > 0.5).float()
    both = torch.cat([1 - p, p], dim=1)
    one_hot = functional.one_hot(target[:, 0].long(), 2).permute(0, 3, 1, 2).float()
    q = (both * one_hot.clamp(1e-5, 1 - 1e-5)).sum(1, keepdim=True) + 1e-5
    expected = -((1 - q) ** gamma) * q.log()
    torch.testing.assert_close(focal_loss(p, target, gamma=gamma), expected)


def test_focal_is_finite_with_gradient_at_the_ends() -> None:
    p = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = focal_loss(p, torch.tensor([0.0, 1.0, 1.0, 0.0]), gamma=2)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert p.grad is not None
    assert torch.isfinite(p.grad).all()
    assert loss[0] < 1e-9
    # A wrong and certain pixel: q = 2e-5.
    assert loss[2].item() == pytest.approx(10.8, abs=0.1)


def test_focal_mixes_classes_for_soft_targets() -> None:
    p = torch.tensor([0.3])
    one, zero = (focal_loss(p, torch.tensor([y]), gamma=2) for y in (1.0, 0.0))
    soft = focal_loss(p, torch.tensor([0.25]), gamma=2)
    torch.testing.assert_close(soft, 0.25 * one + 0.75 * zero)


def test_ssim_equals_square_window_form() -> None:
    generator = torch.Generator().manual_seed(2)
    first = torch.rand(2, 3, 24, 20, generator=generator)
    second = (first + 0.2 * torch.rand(2, 3, 24, 20, generator=generator)).clamp(0, 1)
    line = torch.tensor([2.718281828 ** (-((i - 5) ** 2) / 4.5) for i in range(11)])
    window = torch.outer(line, line)
    window = (window / window.sum()).expand(3, 1, 11, 11)

    def mean(images: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(images, window, padding=5, groups=3)

    m1, m2 = mean(first), mean(second)
    v1, v2 = mean(first**2) - m1**2, mean(second**2) - m2**2
    v12 = mean(first * second) - m1 * m2
    similarity = (2 * m1 * m2 + 1e-4) * (2 * v12 + 9e-4)
    similarity = similarity / ((m1**2 + m2**2 + 1e-4) * (v1 + v2 + 9e-4))
    torch.testing.assert_close(ssim_loss(first, second), 1 - similarity.mean())
    assert ssim_loss(first, first).item() == pytest.approx(0, abs=1e-5)


def test_gradient_of_ssim_is_that_of_small_changes() -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = torch.rand(2, 2, 3, 13, 12, generator=generator, dtype=torch.float64)
    first.requires_grad_()
    # Central differences; the factor tells whether the gradient from outside is passed on.
    assert torch.autograd.gradcheck(lambda images: 3 * ssim_loss(images, second), first)


def test_cosine_by_hand() -> None:
    teacher = torch.zeros(2, 2, 1, 2)
    teacher[:, 0] = 1
    student = teacher.clone()
    student[0, :, 0, 0] = torch.tensor([0.0, 3.0])  # orthogonal: distance 1
    student[1, :, 0, 1] = torch.tensor([-2.0, 0.0])  # opposite: distance 2
    # Mean over the two places of each image, summed over the batch: 1/2 + 2/2.
    assert cosine_loss(teacher, student).item() == pytest.approx(1.5)
