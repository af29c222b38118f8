"""Arms: which anomalies a detector trains on, as source names joined by plus signs.

``procedural`` stands for the procedural synthesizers of ``training.procedural``; studies name
those themselves (``cutpaste+generated``).
"""

from anogen.study.results import GENERATED, PROCEDURAL

PROCEDURES = ("draem", "cutpaste", "croppaste")
"""Synthesizers that choose their place themselves: a detector draws with them as it trains."""

SOURCES = (PROCEDURAL, *PROCEDURES, GENERATED)
"""What an arm is made of, in the order in which an arm names them."""


def checked_arm(arm: str) -> str:
    """The arm, if its name is one that :func:`procedures_of` understands.

    Raises:
        ValueError: for unknown and doubled sources, or another order than that of
            :data:`SOURCES` (every arm has one name only).
    """
    names = arm.split("+")
    for position, name in enumerate(names):
        if name not in SOURCES:
            raise ValueError(
                f"unknown arm {arm!r}; known are: {', '.join(SOURCES)}, and several joined by +"
            )
        if name in names[:position]:
            raise ValueError(f"the arm {arm!r} names {name} twice")
    if PROCEDURAL in names and any(name in PROCEDURES for name in names):
        raise ValueError(
            f"the arm {arm!r} names a procedural synthesizer beside procedural, which stands for "
            "those of training.procedural; name either"
        )
    ordered = "+".join(sorted(names, key=SOURCES.index))
    if arm != ordered:
        raise ValueError(f"write the arm {arm!r} as {ordered!r}")
    return arm


def procedures_of(arm: str, procedural: tuple[str, ...]) -> tuple[str, ...]:
    """The procedural synthesizers of an arm; ``procedural`` are those of the settings."""
    names = arm.split("+")
    return procedural if PROCEDURAL in names else tuple(n for n in names if n in PROCEDURES)


def with_generated(arm: str) -> bool:
    """Whether an arm trains on a bank of generated anomalies."""
    return GENERATED in arm.split("+")
