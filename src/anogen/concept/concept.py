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
from anogen.errors import InputError
from anogen.files import write_bytes


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
    """

    category: str
    defect: str
    tokens: Tensor
    prior: str
    shots: tuple[dict[str, str], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    word: str = ""

    def save(self, path: Path) -> None:
        """Write a ``.safetensors`` file with a readable header."""
        header = {
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
        return Concept(
            category=header["category"],
            defect=header["defect"],
            tokens=load_file(path)["tokens"].to(torch.float32),
            prior=header["prior"],
            shots=tuple(header["shots"]),
            settings=header["settings"],
            losses=tuple(header["losses"]),
            word=header["word"],
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a concept of anogen; delete it and learn it again."
        ) from error
