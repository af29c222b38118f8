"""The word that a defect's own name says."""

import re
from collections.abc import Sequence

_SPELLINGS = {"color": "colour", "broken": "break", "discoloured": "colour"}

_STEM = 4
"""Letters from which on a word may have an ending: ``scratches``, not ``cutter``."""


def named_word(defect: str, words: Sequence[str]) -> str | None:
    """The first of a prior's words in a defect's name: ``scratch`` of ``scratch_head``.

    ``defect`` and ``normal`` say nothing and are passed over; None if no other word is there.
    """
    known = [word for word in words if word not in ("defect", "normal")]
    name = defect.lower()
    for word in known:
        if name == word:
            return word
    for part in re.findall(r"[a-z]+", name):
        plain = _SPELLINGS.get(part, part)
        for word in known:
            if plain == word or (len(word) >= _STEM and plain.startswith(word)):
                return word
    return None
