"""Files of a model on the Hugging Face hub, or in its cache on this machine."""

import re
from collections.abc import Sequence
from pathlib import Path

from anogen.errors import InputError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_id(name: str) -> bool:
    """True for names of the form ``owner/model``."""
    return HUB_ID.fullmatch(name) is not None


def offline() -> bool:
    """Whether the user keeps to the cache (``HF_HUB_OFFLINE=1``)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def fetch(name: str, files: Sequence[str], *, what: str, instead: str) -> Path:
    """A local folder with these files of a hub repository; what is in the cache is not fetched.

    ``HF_HUB_OFFLINE=1`` keeps to the cache. Whether all files are in the folder is for the
    caller to check.

    Args:
        name: hub id, ``owner/model``.
        files: patterns of file names.
        what: what is looked for, for the message.
        instead: what to do without a network, for the message.

    Raises:
        InputError: if it can be had neither from the hub nor from the cache.
    """
    from huggingface_hub import constants, snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=list(files), local_files_only=offline())
    except Exception as error:  # the client's errors have no common base but this
        where = f"in the cache {constants.HF_HUB_CACHE}"
        if not offline():
            where = f"at {constants.ENDPOINT}/{name} or {where}"
        reason = "HF_HUB_OFFLINE is set" if offline() else _reason(error)
        raise InputError(f"{what} was not found {where} ({reason}); {instead}.") from error
    return Path(folder)


def cached(name: str, files: Sequence[str]) -> Path | None:
    """The folder in the cache with what is there of these files; None if nothing is.

    Args:
        name: hub id, ``owner/model``.
        files: patterns of file names.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=list(files), local_files_only=True)
    except Exception:  # the client's errors have no common base but this
        return None
    return Path(folder)


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
