"""A hash of a model's weights that does not depend on how they were stored."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn


def fingerprint_of_modules(modules: Iterable[nn.Module]) -> str:
    """Hex SHA-256 (16 digits) of all parameters, whatever their names and order.

    Names change with the version of a library and with the file layout; without them a folder and
    a single file of the same weights are the same prior to a concept.
    """
    tensors = [parameter for module in modules for parameter in module.parameters()]
    # Hashing lets go of the interpreter, so gigabytes are hashed on all cores.
    with ThreadPoolExecutor() as pool:
        digests = sorted(pool.map(_digest, tensors))
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _digest(tensor: Tensor) -> bytes:
    values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    digest = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    digest.update(values.data)
    return digest.digest()
