"""Concepts for other programs: as embeddings of textual inversion."""

import re
from pathlib import Path

from safetensors.torch import save

from anogen.concept.concept import Concept
from anogen.errors import InputError
from anogen.files import write_bytes


def export_textual_inversion(concept: Concept, path: Path, *, token: str | None = None) -> str:
    """Write a concept so that diffusers' ``load_textual_inversion`` loads it.

    The concept must have been learned with the Stable Diffusion that it is to be loaded into; the
    tokens go into prompts as one word, ``a photo of a <category-defect>``.

    Args:
        concept: the concept.
        path: a ``.safetensors`` file to write.
        token: the word for prompts; ``<category-defect>`` by default.

    Returns:
        The word.

    Raises:
        InputError: for another file format, a word with blanks in it, or a concept with a spatial
            encoder, whose tokens depend on a mask.
    """
    if concept.spatial is not None:
        raise InputError(
            f"concept {concept.category}/{concept.defect} has a spatial encoder, which embeddings "
            "cannot hold; learn one with concept.spatial: none to export it."
        )
    if path.suffix != ".safetensors":
        raise InputError(f"{path}: give a name that ends in .safetensors.")
    if token is None:
        token = f"<{_word(concept.category)}-{_word(concept.defect)}>"
    if not token or re.search(r"\s", token):
        raise InputError(f"token {token!r}: use one word without blanks, such as '<my-scratch>'.")
    write_bytes(path, save({token: concept.tokens.detach().float().contiguous()}))
    return token


def _word(name: str) -> str:
    """A name as part of a word: lower case (CLIP's tokenizer knows no other), no blanks."""
    return re.sub(r"[^\w]+", "_", name.lower()).strip("_") or "defect"
