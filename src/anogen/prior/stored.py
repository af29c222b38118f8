"""What identifies the weights that a prior's name stands for, without loading them."""

import hashlib
from functools import lru_cache
from pathlib import Path

from anogen.files import sha256_of


def stored_fingerprint(name: str) -> str:
    """Hex SHA-256 (16 digits) of the weight files that lie under a prior's name.

    It changes wherever a loaded prior's ``fingerprint`` changes, and with the form of the files
    too. A hub id, and a name with nothing under it, stand for themselves.

    Args:
        name: as :func:`anogen.prior.loading.load_prior` takes it.
    """
    if name == "embedded":
        from anogen.prior.embedded import WEIGHTS  # heavy, and only its place is wanted

        path = WEIGHTS
    else:
        path = Path(name).expanduser()
    files = [path] if path.suffix == ".safetensors" else sorted(path.rglob("*.safetensors"))
    digests = [_digest(file) for file in files if file.is_file()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16] if digests else name


def _digest(file: Path) -> str:
    there = file.stat()
    return _digest_of(file, there.st_mtime_ns, there.st_size)


@lru_cache
def _digest_of(file: Path, _changed: int, _size: int) -> str:
    """A study asks for each of its cells, and weights may have gigabytes."""
    return sha256_of(file)
