"""The spatial encoder: where a defect is to be, as tokens that stand beside those of its looks.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
section "Spatial anomaly embedding" and Eq. 6: a residual network reads the anomaly mask, a feature
pyramid fuses its levels, and fully connected networks, one for each token, map what they see into
the space of the prior's tokens. Departures: group normalisation, so that the tokens of a mask do
not depend on the other masks of a batch; the fused map is averaged over a grid instead of over
everything, so that places survive; the heads begin at given tokens instead of random ones, so that
learning begins where a word stands; and a light network is the default, because a mask is a far
simpler thing to read than a photograph.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anogen.concept.settings import SpatialKind
from anogen.shortcut import Shortcut

GRID = 4
"""Cells along each side of the grid that the heads read."""


@dataclass(frozen=True)
class _Shape:
    """Sizes of a spatial encoder: channels and blocks of the four stages, and of what follows."""

    stem: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    bottleneck: bool
    pyramid: int
    hidden: int


_SHAPES: dict[SpatialKind, _Shape] = {
    "light": _Shape(16, (16, 32, 64, 128), (2, 2, 2, 2), False, 32, 256),
    # ResNet-50 (He et al. 2016, Table 1) and a pyramid of 256 channels (Lin et al. 2017).
    "paper": _Shape(64, (256, 512, 1024, 2048), (3, 4, 6, 3), True, 256, 1024),
}


class SpatialEncoder(nn.Module):
    """Masks to spatial tokens.

    Args:
        kind: ``light`` (under 5 million parameters) or ``paper`` (ResNet-50).
        tokens: tokens of a mask, n in the paper.
        token_dim: width of the prior's tokens.
    """

    def __init__(self, kind: SpatialKind, *, tokens: int, token_dim: int) -> None:
        super().__init__()
        self.kind = kind
        self.tokens = tokens
        shape = _SHAPES[kind]
        self.stem = nn.Sequential(
            nn.Conv2d(1, shape.stem, 7, stride=4, padding=3, bias=False),
            _norm(shape.stem),
            nn.ReLU(),
        )
        stages, width = [], shape.stem
        for number, (out, count) in enumerate(zip(shape.widths, shape.blocks, strict=True)):
            blocks: list[nn.Module] = []
            for position in range(count):
                stride = 2 if number > 0 and position == 0 else 1
                blocks.append(_Residual(width, out, stride, bottleneck=shape.bottleneck))
                width = out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.laterals = nn.ModuleList(nn.Conv2d(out, shape.pyramid, 1) for out in shape.widths)
        self.smooth = nn.Conv2d(shape.pyramid, shape.pyramid, 3, padding=1)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(shape.pyramid * GRID**2, shape.hidden),
                nn.ReLU(),
                nn.Linear(shape.hidden, token_dim),
            )
            for _ in range(tokens)
        )

    def forward(self, mask: Tensor) -> Tensor:
        """Tokens ``(B, n, token_dim)`` of masks ``(B, 1, S, S)`` in [0, 1].

        Takes masks from any device and hands the tokens back there, as a prior does.
        """
        level = self.stem(mask.to(self.smooth.weight.device) * 2 - 1)
        levels = []
        for stage in self.stages:
            level = stage(level)
            levels.append(level)
        fused: Tensor | None = None
        for lateral, level in reversed(list(zip(self.laterals, levels, strict=True))):
            added = lateral(level)
            if fused is not None:
                added = added + F.interpolate(fused, size=added.shape[-2:], mode="nearest")
            fused = added
        seen = F.adaptive_avg_pool2d(F.relu(self.smooth(fused)), GRID).flatten(1)
        return torch.stack([head(seen) for head in self.heads], dim=1).to(mask.device)


def new_spatial_encoder(
    kind: SpatialKind, start: Tensor, *, generator: torch.Generator
) -> SpatialEncoder:
    """An encoder with fresh weights that answers ``start`` to every mask.

    Args:
        kind: its size.
        start: tokens ``(n, token_dim)`` that the heads begin at.
        generator: the source of the weights.
    """
    count, width = start.shape
    encoder = _blank(kind, count, width).to_empty(device="cpu")
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            # He et al. 2015: the spread is kept through layers of ReLU.
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for head, token in zip(encoder.heads, start, strict=True):
        nn.init.zeros_(head[-1].weight)  # type: ignore[index]
        with torch.no_grad():
            head[-1].bias.copy_(token)  # type: ignore[index]
    return encoder


def load_spatial_encoder(
    kind: SpatialKind, tensors: dict[str, Tensor], *, tokens: int, token_dim: int
) -> SpatialEncoder:
    """An encoder of saved weights, frozen.

    Raises:
        KeyError: for an unknown kind.
        RuntimeError: if the weights are not those of such an encoder.
    """
    encoder = _blank(kind, tokens, token_dim)
    encoder.load_state_dict({name: t.float() for name, t in tensors.items()}, assign=True)
    return encoder.requires_grad_(False).eval()


def _blank(kind: SpatialKind, tokens: int, token_dim: int) -> SpatialEncoder:
    """Without weights: made ones would come from the global random state."""
    with torch.device("meta"):
        return SpatialEncoder(kind, tokens=tokens, token_dim=token_dim)


class _Residual(nn.Module):
    """A residual block: two convolutions of 3 x 3, or a bottleneck of 1 x 1, 3 x 3, 1 x 1."""

    def __init__(self, width: int, out: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        inner = out // 4 if bottleneck else out
        kernels: Sequence[tuple[int, int, int, int]] = (
            ((width, inner, 1, 1), (inner, inner, 3, stride), (inner, out, 1, 1))
            if bottleneck
            else ((width, inner, 3, stride), (inner, out, 3, 1))
        )
        layers: list[nn.Module] = []
        for into, outof, kernel, step in kernels:
            layers += [
                nn.Conv2d(into, outof, kernel, stride=step, padding=kernel // 2, bias=False),
                _norm(outof),
                nn.ReLU(),
            ]
        self.branch = nn.Sequential(*layers[:-1])
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width != out:
            self.shortcut = Shortcut(width, out, stride=stride)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.shortcut(features) + self.branch(features))


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(8, width)
