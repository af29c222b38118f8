"""A learned defect: tokens for one prior, with what they were learned from."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from anogen import __version__
from anogen.concept.spatial_encoder import SpatialEncoder, load_spatial_encoder
from anogen.errors import InputError
from anogen.files import write_bytes

SPATIAL = "spatial."
"""What the names of the spatial encoder's tensors begin with."""


@dataclass(frozen=True)
class Concept:
    """What one defect of one category looks like to one prior.

    Attributes:
        category: the category's name.
        defect: the defect's name.
        tokens: float32 ``(k, token_dim)``.
        prior: fingerprint of the prior that the tokens speak to.
        shots: key and SHA-256 of each support image.
        settings: resolved settings of the learning.
        losses: loss on held-back noise at each check, the first before learning.
        word: the word that the tokens started from.
        spatial: AnomalyDiffusion's encoder of masks, shared by the defects that it was learned
            with; None for AnoGen.
    """

    category: str
    defect: str
    tokens: Tensor
    prior: str
    shots: tuple[dict[str, str], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    word: str = ""
    spatial: SpatialEncoder | None = None

    def context_tokens(self, mask: Tensor) -> Tensor:
        """Tokens that draw the defect into masks: its own, then the spatial ones of each mask.

        AnomalyDiffusion's ``e = {e_a, e_s}``. Differentiable to the mask.

        Args:
            mask: ``(B, 1, S, S)`` in [0, 1], S the prior's image size.

        Returns:
            ``(B, k + n, token_dim)``; without a spatial encoder ``(B, k, token_dim)``.
        """
        tokens = self.tokens.expand(len(mask), -1, -1)
        if self.spatial is None:
            return tokens
        return torch.cat([tokens, self.spatial(mask)], dim=1)

    def save(self, path: Path) -> None:
        """Write a ``.safetensors`` file with a readable header.

        Each concept carries the whole spatial encoder, though its category's concepts share it: a
        concept stays one file that can be copied alone.
        """
        header: dict[str, Any] = {
            "category": self.category,
            "defect": self.defect,
            "prior": self.prior,
            "shots": list(self.shots),
            "settings": self.settings,
            "losses": list(self.losses),
            "word": self.word,
            "version": __version__,
        }
        tensors = {"tokens": self.tokens.detach().float().contiguous()}
        if self.spatial is not None:
            header["spatial"] = {"kind": self.spatial.kind, "tokens": self.spatial.tokens}
            for name, value in self.spatial.state_dict().items():
                tensors[SPATIAL + name] = value.detach().float().contiguous()
        write_bytes(path, save(tensors, {"anogen": json.dumps(header)}))

    def check(self, fingerprint: str) -> None:
        """Refuse to speak to another prior.

        Raises:
            InputError: if ``fingerprint`` is not that of the concept's prior.
        """
        if fingerprint != self.prior:
            raise InputError(
                f"concept {self.category}/{self.defect} was learned with the prior {self.prior}, "
                f"not {fingerprint}; learn it again with this prior ('anogen learn')."
            )


def load_concept(path: Path) -> Concept:
    """Read a concept.

    Raises:
        InputError: if the file is missing, damaged, or no concept.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such concept; run 'anogen learn' first.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        header = json.loads(metadata["anogen"])
        tensors = load_file(path)
        tokens = tensors.pop("tokens").to(torch.float32)
        return Concept(
            category=header["category"],
            defect=header["defect"],
            tokens=tokens,
            prior=header["prior"],
            shots=tuple(header["shots"]),
            settings=header["settings"],
            losses=tuple(header["losses"]),
            word=header["word"],
            spatial=_spatial(header.get("spatial"), tensors, tokens.shape[1]),
        )
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: not a concept of anogen; delete it and learn it again."
        ) from error


def _spatial(
    shape: dict[str, Any] | None, tensors: dict[str, Tensor], token_dim: int
) -> SpatialEncoder | None:
    if shape is None:
        return None
    own = {name.removeprefix(SPATIAL): value for name, value in tensors.items()}
    return load_spatial_encoder(shape["kind"], own, tokens=shape["tokens"], token_dim=token_dim)
