"""Low-rank changes of a denoiser's weights.

Hu et al., "LoRA: Low-rank adaptation of large language models", ICLR 2022, section 4.1:
``W = W0 + B A`` with ``B = 0`` at the start. Departures: convolutions too, as matrices of output
channels by everything else; no scale alpha (it is a learning rate by another name); what was
learned is added to the weights before use, so the network that samples is shaped like the base.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from anogen.seeds import seed_of

DOWN, UP = "down", "up"


class LowRank(nn.Module):
    """``W + up @ down`` for a weight ``W`` of shape ``(out, ...)``."""

    def __init__(self, shape: torch.Size, *, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        inputs = shape[1:].numel()
        self.down = nn.Parameter(torch.randn((rank, inputs), generator=generator) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(shape[0], rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight, shape of ``weight``."""
        return weight + (self.up @ self.down).view_as(weight)


def attach(denoiser: nn.Module, *, rank: int, seed: int) -> dict[str, LowRank]:
    """Freeze a network and put factors beside every convolution and linear layer.

    Layers whose smaller side is not above ``rank`` (first and last of the network, mostly) stay as
    they are.

    Returns:
        The factors by the layer's name; they are all that learns.
    """
    denoiser.requires_grad_(False)
    found: dict[str, LowRank] = {}
    for name, layer in list(denoiser.named_modules()):
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        shape = layer.weight.shape
        if min(shape[0], shape[1:].numel()) <= rank:
            continue
        generator = torch.Generator().manual_seed(seed_of(seed, "low rank", name))
        found[name] = LowRank(shape, rank=rank, generator=generator)
        parametrize.register_parametrization(layer, "weight", found[name])
    return found


@torch.no_grad()
def merge(denoiser: nn.Module, factors: Mapping[str, Tensor]) -> None:
    """Add the products of ``<layer>.up`` and ``<layer>.down`` to the weights, in place.

    Raises:
        KeyError: if a layer or one of its factors is not there.
        RuntimeError: if a product has not the size of its weight.
    """
    modules = dict(denoiser.named_modules())
    for layer in sorted({name.rpartition(".")[0] for name in factors}):
        weight = modules[layer].weight
        assert isinstance(weight, Tensor)
        change = factors[f"{layer}.{UP}"].float() @ factors[f"{layer}.{DOWN}"].float()
        weight += change.view(weight.shape)
