"""A small network that names a defect's word from crops of the good and of the defective window."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from features import box_crop
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anogen.placement.box import Box

Window = NDArray[np.uint8]
Item = tuple[Window, Window, Box]
"""A good window, the same with a defect, the box."""

SIDE = 80
"""Pixels a side of the crops that it sees."""

EPOCHS, BATCH, RATE = 14, 64, 2e-3

BEND, PALER, STRONGER, STAIN = 0.06, 0.5, 1.3, 10.0
"""Of views in training: deviation of the bending in halves of a crop, range of the factor of what
changed, and deviation of the stain in grey levels; the first and last are the most drawn."""


class Classifier:
    """Names words; made by :meth:`train` or :meth:`load`.

    Args:
        words: how many words there are.
    """

    def __init__(self, words: int) -> None:
        self.words = words
        self.network = _network(words).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.eval()

    @classmethod
    def train(cls, x: Tensor, y: Tensor, *, words: int, seed: int) -> "Classifier":
        """Train on rendered defects, mirrored, turned, lighter or darker, and changed as redrawing
        changes: bent, paler or stronger, blurred, under a smooth stain.

        Args:
            x: uint8 ``(N, 6, SIDE, SIDE)`` of :func:`crops`.
            y: the index of each one's word ``(N,)``.
            words: how many words there are.
            seed: of weights, order and views.
        """
        torch.manual_seed(seed)
        classifier = cls(words)
        network = classifier.network.train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
        steps = EPOCHS * -(-len(x) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x), generator=generator).split(BATCH):
                view = int(torch.randint(0, 8, (), generator=generator))
                gain = 0.8 + 0.4 * torch.rand((len(rows), 1, 1, 1), generator=generator)
                crops = _redrawn(_turned(x[rows], view).float(), generator)
                logits = network(_seen(crops, gain))
                loss = F.cross_entropy(logits, y[rows], label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        network.eval()
        # As the file will hold them, so that a loaded classifier says the same.
        network.half().float()
        return classifier

    @classmethod
    def load(cls, path: Path) -> tuple["Classifier", dict[str, str]]:
        """A classifier and what was written beside it."""
        with safe_open(path, framework="pt") as file:
            told = dict(file.metadata())
        classifier = cls(int(told["words"]))
        classifier.network.load_state_dict(load_file(path))
        return classifier, told

    def save(self, path: Path, told: dict[str, str]) -> None:
        """Write it in half precision, with what :meth:`load` shall tell of it."""
        tensors = {
            name: (t.half() if t.is_floating_point() else t).contiguous()
            for name, t in self.network.state_dict().items()
        }
        save_file(tensors, path, told | {"words": str(self.words)})

    @torch.no_grad()
    def __call__(self, x: Tensor) -> NDArray[np.int64]:
        """The index of the word of each pair of crops, by the mean over eight views."""
        named = []
        for part in x.split(256):
            views = [self.network(_seen(_turned(part, v))).softmax(dim=1) for v in range(8)]
            named.append(torch.stack(views).mean(dim=0).argmax(dim=1))
        return torch.cat(named).numpy()


def crops(items: list[Item]) -> Tensor:
    """Crops of the good and of the defective window, uint8 ``(N, 6, SIDE, SIDE)``."""

    def small(side: int) -> Tensor:
        cut = np.stack([box_crop(item[side], item[2]) for item in items])
        parts = torch.from_numpy(cut).permute(0, 3, 1, 2).split(256)
        shrunk = [F.interpolate(p.float(), SIDE, mode="area").round().byte() for p in parts]
        return torch.cat(shrunk)

    return torch.cat([small(0), small(1)], dim=1)


def _turned(x: Tensor, view: int) -> Tensor:
    """One of the eight ways to lay a square."""
    x = x.flip(3) if view & 1 else x
    x = x.flip(2) if view & 2 else x
    return x.transpose(2, 3) if view & 4 else x


def _redrawn(x: Tensor, generator: torch.Generator) -> Tensor:
    """Crops whose defects look redrawn: what changed is bent, paler or stronger and blurred, and a
    smooth stain lies on it; the good crops stay.

    Else the classifier would know clean renderings alone, and call whatever differs from them after
    the kinds that are all over their boxes.
    """
    good, image = x.chunk(2, dim=1)
    count, side = len(x), x.shape[-1]

    def drawn(*shape: int) -> Tensor:
        return torch.rand((count, *shape), generator=generator)

    def smooth(channels: int, cells: int) -> Tensor:
        coarse = torch.randn((count, channels, cells, cells), generator=generator)
        return F.interpolate(coarse, side, mode="bicubic", align_corners=True)

    identity = torch.eye(2, 3).expand(count, 2, 3)
    grid = F.affine_grid(identity, [count, 3, side, side], align_corners=False)
    bend = BEND * drawn(1, 1, 1) * smooth(2, 8).permute(0, 2, 3, 1)
    change = F.grid_sample(
        image - good, grid + bend, padding_mode="reflection", align_corners=False
    )
    change = change * (PALER + (STRONGER - PALER) * drawn(1, 1, 1))
    blurred = F.avg_pool2d(change, 5, stride=1, padding=2, count_include_pad=False)
    change = change.lerp(blurred, drawn(1, 1, 1).square())
    stain = smooth(1, 10) + 0.5 * smooth(3, 10) + 0.5 * smooth(3, 20)
    return torch.cat([good, good + change + STAIN * drawn(1, 1, 1).square() * stain], dim=1)


def _seen(x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
    """The defective crop and what it changes, the latter larger, as it is mostly faint."""
    good, image = (gain * x.float() / 127.5 - 1).chunk(2, dim=1)
    return torch.cat([image, 3 * (image - good)], dim=1).contiguous(
        memory_format=torch.channels_last
    )


class _Block(nn.Module):
    """Two convolutions at half the size, around them a shortcut."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def _network(words: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(6, 32, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        _Block(32, 64),
        _Block(64, 128),
        _Block(128, 192),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(192, words),
    )
