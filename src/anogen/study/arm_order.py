"""The order in which a report shows arms."""

from anogen.study.results import BOTH, GENERATED, PROCEDURAL


def arm_order(arm: str) -> tuple[int, str]:
    known = (PROCEDURAL, GENERATED, BOTH)
    return (known.index(arm) if arm in known else len(known), arm)
