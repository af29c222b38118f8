"""Writing files so that a kill at any instant leaves the old file, the new file, or none."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from anogen.errors import InputError


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically: temporary file, flush, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``out`` at the end; after an error there is nothing.

    Raises:
        InputError: if ``out`` is there and not empty, or cannot be made.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not an empty folder; name a new one with --out.")
    named, out = out, out.resolve()
    if os.path.ismount(out):
        raise InputError(f"{named}: a whole volume; name a new folder in it with --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    except OSError as error:
        raise InputError(
            f"{out}: no folder can be made there ({error.strerror}); name another one."
        ) from error
    try:
        yield part
        part.chmod(0o755)
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what killed writes have left in a folder and below it.

    Folders of :func:`whole_folder` and what is in them are passed over: one may still be filled.
    """
    for leftover in folder.rglob(".*.tmp"):
        above = leftover.relative_to(folder).parts[:-1]
        if leftover.is_file() and not any(fnmatch(part, ".*.tmp") for part in above):
            leftover.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def inside(root: Path, relative: str) -> Path:
    """``root / relative`` as a resolved path.

    Raises:
        InputError: if the path leaves ``root`` (absolute, ``..``, or a link that points out).
    """
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise InputError(f"{relative}: the path leaves {root}; use a path inside that folder.")
    return path
