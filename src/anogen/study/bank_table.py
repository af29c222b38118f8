"""The bank of a defect in numbers: what was accepted, and why the others were not."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anogen.bank.manifest import Entry


@dataclass(frozen=True)
class BankRow:
    """The bank of one defect in numbers."""

    defect: str
    accepted: int
    rejected: int
    reasons: tuple[tuple[str, int], ...]
    gates: tuple[tuple[str, str, str, str], ...]


def bank_row(defect: str, entries: Sequence[Entry]) -> BankRow:
    refused = [entry for entry in entries if not entry.accepted]
    reasons = Counter(_without_numbers(rejection(entry)) for entry in refused)
    gates = []
    for name in sorted({name for entry in entries for name in entry.gate}):
        values = sorted(entry.gate[name] for entry in entries if name in entry.gate)
        chosen = (values[0], float(np.median(values)), values[-1])
        gates.append((name, *(f"{value:.3g}" for value in chosen)))
    return BankRow(
        defect=defect,
        accepted=len(entries) - len(refused),
        rejected=len(refused),
        reasons=tuple(reasons.most_common()),
        gates=tuple((a, b, c, d) for a, b, c, d in gates),
    )


def redrawn_reasons(entries: Sequence[Entry]) -> tuple[tuple[str, int], ...]:
    """Why the gate rejected drawings that others took the place of, most frequent first."""
    reasons = Counter(
        _without_numbers(one.reason)
        for entry in entries
        for one in entry.candidates
        if one.reason is not None and not one.kept
    )
    return tuple(reasons.most_common())


def rejection(entry: Entry) -> str:
    """Why an image that is not accepted was rejected, in words."""
    if entry.review is not None and entry.review.word == "rejected":
        return "rejected by a reviewer"
    return entry.reason or ""


def _without_numbers(reason: str) -> str:
    """A reason of which like ones are counted together."""
    return re.sub(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", "…", reason)
