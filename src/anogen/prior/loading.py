"""From what a user writes after ``--prior`` to a loaded prior."""

from pathlib import Path

from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion


def load_prior(name: str) -> LatentDiffusion:
    """The prior called ``embedded``, or one of its kind in a ``.safetensors`` file.

    Raises:
        InputError: for anything else, or a damaged file.
    """
    from anogen.prior.embedded import load_embedded

    if name == "embedded":
        return load_embedded()
    path = Path(name)
    if path.suffix == ".safetensors":
        return load_embedded(path)
    raise InputError(
        f"unknown prior {name!r}; give 'embedded' or a .safetensors file of the embedded kind."
    )
