"""Which two arms of a run say whether generated images help."""

from collections.abc import Iterable

from anogen.study.arms import SOURCES, with_generated
from anogen.study.results import GENERATED


def comparisons(arms: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of an arm without generated images and one with them, the most telling first.

    First those that differ in nothing else (``draem``, ``draem+generated``), then ``generated``
    in the place of another arm; each in the order of :data:`~anogen.study.arms.SOURCES`.
    """
    known = set(arms)
    plain = sorted((arm for arm in known if not with_generated(arm)), key=_places)
    beside = [(arm, f"{arm}+{GENERATED}") for arm in plain if f"{arm}+{GENERATED}" in known]
    return beside + [(arm, GENERATED) for arm in plain if GENERATED in known]


def _places(arm: str) -> tuple[list[int], str]:
    names = arm.split("+")
    return [SOURCES.index(name) if name in SOURCES else len(SOURCES) for name in names], arm
