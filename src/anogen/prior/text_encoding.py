"""A frozen text transformer with learned tokens in place of a word.

Gal et al., "An image is worth one word" (textual inversion), ICLR 2023, section 4: a concept is
one or several vectors at the level of token embeddings, put where the placeholder stands in a
prompt, and pushed through the text transformer like any word. AnoGen learns its defects so.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from anogen.errors import InputError

PLACEHOLDER = "*"
"""Where the learned tokens go in a prompt; alone it is what AnoGen's released code samples with."""


def require_transformers() -> None:
    """Check that the extra for text encoders is installed.

    Raises:
        InputError: if it is not.
    """
    if find_spec("transformers") is None:
        raise InputError(
            "this prior has a text encoder, which needs the package 'transformers'; "
            "install it with: pip install 'anogen[text]'."
        )


class TextEncoder(nn.Module):
    """Texts and learned tokens to the states that cross-attention reads.

    Args:
        transformer: a frozen text model of ``transformers``' kind: called with token ids it
            returns ``last_hidden_state``, and ``get_input_embeddings`` gives its token table.
        tokenizer: the tokenizer that belongs to it.
        length: tokens of a prompt, padded (77 for CLIP and for LDM's BERT).
    """

    def __init__(self, *, transformer: nn.Module, tokenizer: Any, length: int) -> None:
        super().__init__()
        self.transformer = transformer
        self.length = length
        self._tokenizer = tokenizer
        start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
        # BERT's vocabulary calls start and end of a text CLS and SEP.
        self._start = tokenizer.cls_token_id if start is None else start
        self._end = tokenizer.sep_token_id if end is None else end
        self._pad = tokenizer.pad_token_id
        self._fixed: dict[str, Tensor] = {}

    @property
    def table(self) -> Tensor:
        """Token embeddings ``(vocabulary, token_dim)``."""
        weight: Tensor = self.transformer.get_input_embeddings().weight  # type: ignore[operator]
        return weight

    @torch.no_grad()
    def states(self, text: str) -> Tensor:
        """States ``(1, length, width)`` of a fixed text; worked out once."""
        if text not in self._fixed:
            ids, _ = self._row(self._ids(text), 0, [])
            self._fixed[text] = self._run(torch.tensor([ids]))
        return self._fixed[text]

    def states_with(self, tokens: Tensor, prompts: Sequence[str]) -> Tensor:
        """States of prompts with learned tokens in them; differentiable to the tokens.

        Args:
            tokens: ``(B, k, token_dim)``.
            prompts: B texts, each with the placeholder ``*`` exactly once.

        Returns:
            ``(B, length, width)``.

        Raises:
            InputError: for a prompt without a single placeholder, or too many tokens for it.
        """
        ids, firsts = [], []
        for prompt in prompts:
            parts = prompt.split(PLACEHOLDER)
            if len(parts) != 2:
                raise InputError(
                    f"prompt {prompt!r}: write the placeholder {PLACEHOLDER!r} exactly once, "
                    "where the defect's word would stand."
                )
            before, after = self._ids(parts[0]), self._ids(parts[1])
            row, first = self._row(before, tokens.shape[1], after)
            ids.append(row)
            firsts.append(first)
        return self._run(torch.tensor(ids), tokens, torch.tensor(firsts))

    def word_tokens(self, word: str) -> Tensor:
        """Rows ``(k, token_dim)`` of the token table that spell a word; k is 1 for common words.

        Raises:
            InputError: if the tokenizer cannot spell it.
        """
        ids = self._ids(word)
        if not ids or set(ids) & set(self._tokenizer.all_special_ids):
            raise InputError(
                f"the prior's tokenizer cannot spell {word!r}; start from a plain English word "
                "such as 'defect'."
            )
        return self.table[torch.tensor(ids, device=self.table.device)].detach().float().cpu()

    def mean_token(self) -> Tensor:
        """Mean ``(1, token_dim)`` of the token table."""
        return self.table.detach().float().mean(dim=0, keepdim=True).cpu()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return ids

    def _row(self, before: list[int], count: int, after: list[int]) -> tuple[list[int], int]:
        """Ids of a padded prompt with ``count`` free places, and the first of these places."""
        room = self.length - 2 - count
        if room < 0 or (count and len(before) > room):
            raise InputError(
                f"{count} tokens do not fit into a prompt of {self.length} with "
                f"{len(before)} before them; learn fewer tokens or shorten the prompt."
            )
        # As pipelines do, what is too long loses its end.
        before, after = before[:room], after[: max(0, room - len(before))]
        ids = [self._start, *before, *[self._pad] * count, *after, self._end]
        return ids + [self._pad] * (self.length - len(ids)), 1 + len(before)

    def _run(
        self, ids: Tensor, tokens: Tensor | None = None, firsts: Tensor | None = None
    ) -> Tensor:
        """The transformer's states ``(B, length, width)``; tokens replace looked-up rows."""
        device = self.table.device

        def insert(_module: nn.Module, _inputs: Any, embedded: Tensor) -> Tensor | None:
            if tokens is None or firsts is None:
                return None
            rows = torch.arange(len(ids), device=device)[:, None]
            columns = (firsts[:, None] + torch.arange(tokens.shape[1])).to(device)
            return embedded.index_put((rows, columns), tokens.to(embedded))

        # CLIP's text model takes no embeddings, only ids: a hook works for every text model.
        table = self.transformer.get_input_embeddings()  # type: ignore[operator]
        handle = table.register_forward_hook(insert)
        try:
            states: Tensor = self.transformer(ids.to(device), return_dict=True).last_hidden_state
        finally:
            handle.remove()
        return states
