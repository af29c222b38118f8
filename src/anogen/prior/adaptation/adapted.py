"""An adapted prior on disk: the factors alone, bound to the prior that they change."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.prior.adaptation.low_rank import merge
from anogen.prior.embedded import EmbeddedPrior, fingerprint_of, load_embedded

HEADER = "adaptation"
"""Key of a safetensors header that tells an adapted prior."""

BASE = "adapted_from"
"""Key of an adapted prior's configuration: the fingerprint of its base."""


def is_adapted(prior: EmbeddedPrior) -> bool:
    """Whether a prior was fitted to a product."""
    return BASE in prior.config


def save_factors(
    path: Path, factors: Mapping[str, Tensor], *, base: str, source: Mapping[str, Any]
) -> None:
    """Write factors in half precision, atomically.

    Args:
        path: a ``.safetensors`` file.
        factors: ``<layer>.up`` and ``<layer>.down`` of each changed layer.
        base: fingerprint of the prior that they change.
        source: what they were made from, as plain values.
    """
    header = {"base": base, "source": dict(source)}
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in factors.items()}
    write_bytes(path, save(tensors, {HEADER: json.dumps(header)}))


def read_header(path: Path) -> dict[str, Any]:
    """``base`` and ``source`` of an adapted prior's file.

    Raises:
        InputError: if the file is missing, damaged, or not of this kind.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; make it with 'anogen prior adapt'.")
    try:
        with safe_open(path, framework="pt") as file:
            header: Any = json.loads((file.metadata() or {})[HEADER])
        if not isinstance(header["base"], str) or not isinstance(header["source"], dict):
            raise TypeError("base and source")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no adapted prior, or damaged; make it again with 'anogen prior adapt'."
        ) from error
    found: dict[str, Any] = header
    return found


def load_adapted(path: Path, base: EmbeddedPrior | None = None) -> EmbeddedPrior:
    """Load an adapted prior, frozen: a copy of its base with the factors added to the weights.

    Args:
        path: what :func:`save_factors` wrote.
        base: the prior that it was made for; the one in the package by default.

    Raises:
        InputError: if the file is missing, damaged, or made for another prior.
    """
    header = read_header(path)
    prior = load_embedded() if base is None else copy.deepcopy(base)
    if prior.fingerprint != header["base"]:
        raise InputError(
            f"{path}: fitted from the prior {header['base']}, but the one here is "
            f"{prior.fingerprint}; fit it again with 'anogen prior adapt'."
        )
    factors = load_file(path)
    try:
        merge(prior.denoiser, factors)
    except (KeyError, RuntimeError) as error:
        raise InputError(
            f"{path}: its factors do not fit the prior; make it again with 'anogen prior adapt'."
        ) from error
    prior.config = {**prior.config, BASE: prior.fingerprint}
    prior.fingerprint = fingerprint_of(factors, prior.config)
    return prior
