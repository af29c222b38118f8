"""The embedded prior's words: a small table in place of a text encoder."""

import torch
from torch import Tensor, nn

from anogen.errors import InputError

GENERIC = ("normal", "defect")
"""Words that are no kind of defect: a good surface, and any defect at all."""

TOKENS_PER_WORD = 4


class Vocabulary(nn.Module):
    """Learned tokens of each word, ``(words, TOKENS_PER_WORD, token_dim)``, and an empty context.

    The empty context stands in for the word in the unconditional branch of classifier-free
    guidance.
    """

    def __init__(self, words: tuple[str, ...], token_dim: int) -> None:
        super().__init__()
        self.words = words
        self.table = nn.Parameter(torch.randn(len(words), TOKENS_PER_WORD, token_dim) * 0.5)
        self.empty = nn.Parameter(torch.zeros(TOKENS_PER_WORD, token_dim))

    def index(self, word: str) -> int:
        """Row of a word.

        Raises:
            InputError: for an unknown word.
        """
        if word not in self.words:
            raise InputError(
                f"the prior does not know the word {word!r}; known are: {', '.join(self.words)}."
            )
        return self.words.index(word)

    def forward(self, rows: Tensor) -> Tensor:
        """Tokens ``(B, TOKENS_PER_WORD, token_dim)`` of word rows ``(B,)``; row -1 is empty."""
        known = self.table[rows.clamp_min(0)]
        return torch.where((rows < 0)[:, None, None], self.empty.expand_as(known), known)
