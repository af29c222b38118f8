"""Settings that were given, but that nothing would listen to: refused rather than ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anogen.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from anogen.study.settings import RunSettings

BOXES = ("where", "sizes", "ranges", "margin", "aspect", "rotation")
"""Settings of placement that say where boxes go and how they look; masks are what they are."""

VARIATION = ("size_jitter", "turn")
"""Those that say how sizes and masks of the shots are varied."""


def refuse_unheard(settings: RunSettings, chosen: Iterable[Mapping[str, Any]]) -> None:
    """Refuse values that were given where others make them void.

    Args:
        settings: the outcome.
        chosen: the nested values that were given, beside those of presets.

    Raises:
        InputError: naming the first such setting, and what to do.
    """
    given = [part for part in chosen if isinstance(part, Mapping)]
    for name in _of_support(settings):
        if any(name in _below(part, "support") for part in given):
            raise InputError(
                f"setting support.{name}: {_decides(settings)} chooses the shots; leave one of "
                "them out."
            )
    voids = (
        *_of_views(settings),
        *_of_learning(settings),
        *_of_boxes(settings),
        *_of_masks(settings),
        *_of_drawing(settings),
    )
    for section, name, reason in voids:
        changed = _is_changed(getattr(settings, section), name)
        if changed and any(name in _below(part, section) for part in given):
            raise InputError(f"setting {section}.{name}: {reason}; leave it out.")


def _of_support(settings: RunSettings) -> tuple[str, ...]:
    support = settings.support
    if support.split != "shots" or support.listing is not None:
        return ("shots", "draw")
    return ("draw",) if support.official else ()


def _decides(settings: RunSettings) -> str:
    """What chooses the shots instead of number and draw."""
    support = settings.support
    if support.split != "shots":
        return f"support.split={support.split}"
    return "the official list" if support.listing is None else "the list of shots"


def _of_masks(settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """Section, name and reason of what the method does not listen to."""
    if settings.method != "anomalydiffusion":
        for name in type(settings.masks).model_fields:
            yield "masks", name, f"the method {settings.method} draws in boxes, not in masks"
        return
    for name in BOXES:
        yield "placement", name, "the method anomalydiffusion draws in masks, not in boxes"
    if settings.masks.source == "learned":
        for name in VARIATION:
            yield "placement", name, "learned masks have sizes and directions of their own"
        return
    for name in type(settings.masks).model_fields:
        if name != "source":
            yield "masks", name, "counts for masks.source=learned only"


def _of_boxes(settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """The same of how large boxes are."""
    placement = settings.placement
    if settings.method == "anomalydiffusion":
        return
    if placement.sizes != "given":
        yield "placement", "ranges", "counts for placement.sizes=given only"
    if placement.sizes != "learned":
        for name in VARIATION:
            yield "placement", name, "counts for placement.sizes=learned only"


def _of_drawing(settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """The same of the sampler, and of what drawing starts from."""
    synthesis = settings.synthesis
    if synthesis.init != "sketch":
        yield "synthesis", "rendered", "counts for synthesis.init=sketch only"
    if synthesis.init == "noise":
        yield "synthesis", "strength", "counts for synthesis.init=normal and sketch only"
    if synthesis.solver != "ddim":
        yield "synthesis", "eta", "counts for synthesis.solver=ddim only"
    if synthesis.guidance == 1:
        yield "synthesis", "guidance_share", "there is no guidance with synthesis.guidance=1"


def _of_learning(settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """The same of what is learned beside a concept's tokens."""
    concept = settings.concept
    if concept.spatial == "none":
        for name in ("spatial_tokens", "spatial_learning_rate"):
            yield "concept", name, "there is no encoder of masks with concept.spatial=none"
    if concept.joint_rank == 0:
        yield "concept", "joint_steps", "counts for concept.joint_rank above 0 only"


def _of_views(settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """The same of how a concept's shots are seen, and of how its loss counts."""
    concept = settings.concept
    if concept.zoom is None:
        yield "concept", "shift", "views without concept.zoom are the whole image"
    if not concept.flips:
        yield "concept", "vertical_flips", "counts for concept.flips only"
    if not concept.mask_guided:
        for name in ("mask_rule", "average_over"):
            yield "concept", name, "counts for concept.mask_guided only"


def _is_changed(section: BaseModel, name: str) -> bool:
    """Whether a setting has another value than its default."""
    default = type(section).model_fields[name].get_default(call_default_factory=True)
    return bool(getattr(section, name) != default)


def _below(part: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    below = part.get(section)
    return below if isinstance(below, Mapping) else {}
