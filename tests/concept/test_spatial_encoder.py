"""The spatial encoder: its size, its start, and that it tells places apart."""

import pytest
import torch

from anogen.concept.spatial_encoder import (
    SpatialEncoder,
    load_spatial_encoder,
    new_spatial_encoder,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_opinions(kind: str = "light", *, tokens: int = 2, width: int = 16) -> SpatialEncoder:
    """An encoder whose heads no longer ignore what they see."""
    encoder = new_spatial_encoder(kind, torch.zeros(tokens, width), generator=generator())
    with torch.no_grad():
        for head in encoder.heads:
            head[-1].weight.normal_(generator=generator(1))
    return encoder


def square(x: int, y: int, *, side: int = 12, size: int = 64) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., y : y + side, x : x + side] = 1
    return mask


def parameters(kind: str, token_dim: int) -> int:
    with torch.device("meta"):
        encoder = SpatialEncoder(kind, tokens=4, token_dim=token_dim)
    return sum(parameter.numel() for parameter in encoder.parameters())


@pytest.mark.parametrize("token_dim", [128, 768, 1280])
def test_light_is_light(token_dim: int) -> None:
    assert parameters("light", token_dim) < 5e6


def test_paper_has_the_body_of_resnet_50() -> None:
    """ResNet-50 has 23.508 million parameters without its classifier (He et al. 2016, as timm and
    torchvision count them); here the first layer reads one channel instead of three, and
    shortcuts have no normalisation (2 x 3840 numbers)."""
    with torch.device("meta"):
        encoder = SpatialEncoder("paper", tokens=4, token_dim=1280)
    body = [*encoder.stem.parameters(), *encoder.stages.parameters()]
    expected = 23_508_032 - 64 * 2 * 49 - 2 * (256 + 512 + 1024 + 2048)
    assert sum(parameter.numel() for parameter in body) == expected
    assert len(encoder.heads) == 4


@pytest.mark.parametrize("kind", ["light", "paper"])
def test_a_new_encoder_answers_its_start_to_every_mask(kind: str) -> None:
    start = torch.randn(3, 16, generator=generator(3))
    encoder = new_spatial_encoder(kind, start, generator=generator())
    with torch.no_grad():
        tokens = encoder(torch.cat([square(0, 0), square(30, 40), torch.zeros(1, 1, 64, 64)]))
    assert torch.equal(tokens, start.expand(3, -1, -1))


def test_the_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    one, two, other = (
        new_spatial_encoder("light", torch.zeros(1, 8), generator=generator(seed)).state_dict()
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])
    assert all(value.isfinite().all() for value in one.values())


@torch.no_grad()
def test_places_sizes_and_shapes_are_told_apart() -> None:
    encoder = with_opinions()
    base = encoder(square(10, 10))
    for other in (square(40, 10), square(10, 40), square(10, 10, side=20)):
        assert (encoder(other) - base).norm() > 0.02 * base.norm()


@torch.no_grad()
def test_tokens_of_a_mask_do_not_depend_on_its_batch() -> None:
    encoder = with_opinions().train()
    masks = torch.cat([square(5, 5), square(30, 20, side=25), torch.ones(1, 1, 64, 64)])
    alone = torch.cat([encoder(mask[None]) for mask in masks])
    torch.testing.assert_close(encoder(masks), alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [8, 32, 40, 128])
def test_any_image_size(size: int) -> None:
    tokens = with_opinions()(torch.rand(2, 1, size, size, generator=generator()))
    assert tokens.shape == (2, 2, 16)
    assert tokens.isfinite().all()


def test_every_weight_learns() -> None:
    encoder = with_opinions()
    encoder(torch.cat([square(10, 10), square(30, 5)])).square().mean().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_saved_weights_give_the_same_tokens_and_stand_still() -> None:
    encoder = with_opinions()
    loaded = load_spatial_encoder("light", encoder.state_dict(), tokens=2, token_dim=16)
    assert torch.equal(loaded(square(3, 4)), encoder(square(3, 4)))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    with pytest.raises(RuntimeError):
        load_spatial_encoder("light", encoder.state_dict(), tokens=3, token_dim=16)


def test_masks_go_to_where_the_encoder_lives_and_tokens_come_back() -> None:
    """Told on the device without memory, where shapes are known and nothing can come back from."""
    encoder = with_opinions().to("meta")
    assert encoder(torch.zeros(2, 1, 64, 64, device="meta")).shape == (2, 2, 16)
    with pytest.raises(NotImplementedError, match="meta tensor"):
        encoder(torch.zeros(2, 1, 64, 64))
