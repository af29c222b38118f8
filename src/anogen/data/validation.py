"""Everything that is wrong with a dataset, in one pass."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anogen.data.dataset import scan
from anogen.data.findings import Findings
from anogen.data.images import mask_of, passed_over, read_image
from anogen.data.light import other_light
from anogen.data.sample import Category, Sample
from anogen.data.support import draw_support
from anogen.errors import InputError

# Each thread holds one decoded photograph; see MAX_PIXELS for how large that may be.
_WORKERS = min(4, os.cpu_count() or 1)

# 12-bit cameras fill a sixteenth of the 16-bit range; to_rgb8 makes such images nearly black.
_DARK_16_BIT = 65535 // 8

# The largest of 779 masks of screws, magnetic tiles and MVTec AD samples covers 79 %.
_WHOLE_IMAGE = 0.9


@dataclass(frozen=True)
class Validation:
    """The outcome of :func:`validate`.

    Attributes:
        problems: one sentence each; empty when work can begin.
        notices: one sentence each; nothing is stopped by them.
        categories: what could be read, without the images that have problems of structure.
        images: number of images that were decoded.
        masks: number of masks that were decoded.
    """

    problems: list[str]
    notices: list[str]
    categories: list[Category]
    images: int
    masks: int


@dataclass(frozen=True)
class _Look:
    """What decoding one sample showed."""

    problems: list[str]
    digest: str | None = None
    level: float | None = None
    sixteen_bit_top: int | None = None
    covered: float | None = None
    notices: Sequence[str] = ()


def validate(
    root: Path,
    *,
    layout: str | None = None,
    categories: Sequence[str] | None = None,
    defects: Sequence[str] | None = None,
    shots: int | None = None,
) -> Validation:
    """Read a dataset as :func:`~anogen.data.dataset.read_dataset` does and decode all of it.

    Never raises :class:`InputError`: what it would say is among the problems.

    Args:
        root: the dataset, or one category's own folder.
        layout: ``"mvtec"`` or ``"folder"``; None detects it.
        categories: names of the categories to look at; None means all.
        defects: names of the defect types to look at; None means all.
        shots: also check that every defect type with masks has that many different parts.
    """
    try:
        found, findings = scan(root, layout=layout, categories=categories, defects=defects)
    except InputError as error:
        return Validation(str(error).splitlines(), [], [], 0, 0)
    samples = [sample for category in found for sample in (*category.train, *category.test)]
    roots = [category.root for category in found for _ in (*category.train, *category.test)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        looks = dict(zip((s.key for s in samples), pool.map(_look, samples, roots), strict=True))
    for look in looks.values():
        findings.problems += look.problems
        findings.notices += look.notices
    for category in found:
        _compare(category, looks, findings)
        if shots is not None:
            try:
                draw_support(category, shots=shots)
            except InputError as error:
                findings.problems += str(error).splitlines()
    return Validation(
        problems=findings.problems,
        notices=findings.notices,
        categories=found,
        images=len(samples),
        masks=sum(sample.mask is not None for sample in samples),
    )


def _look(sample: Sample, root: Path) -> _Look:
    """Decode one sample's image and mask."""
    try:
        image = read_image(sample.image, name=sample.key)
    except InputError as error:
        return _Look([str(error)])
    problems: list[str] = []
    notices: list[str] = []
    covered = None
    if sample.mask is not None:
        name = sample.mask.relative_to(root).as_posix()
        try:
            pixels = read_image(sample.mask, name=name)
            mask = mask_of(pixels, (image.shape[0], image.shape[1]), name=name)
            covered = float(mask.mean())
            if values := passed_over(pixels):
                notices.append(
                    f"{name}: pixels of value {', '.join(map(str, values))} do not count as "
                    f"defective, as the largest value is {pixels.max()}; make every defect white."
                )
        except InputError as error:
            problems.append(str(error))
    digest = hashlib.sha256(f"{image.shape} {image.dtype}".encode())
    digest.update(image.data)
    top = int(image.max()) if image.dtype == np.uint16 else None
    level = float(image.mean()) / np.iinfo(image.dtype).max
    return _Look(problems, digest.hexdigest(), level, top, covered, notices)


def _compare(category: Category, looks: dict[str, _Look], findings: Findings) -> None:
    """Notices about what no single file shows: twins, shared parts, inverted masks, other light,
    dark images."""
    first: dict[str, Sample] = {}
    for sample in category.train:
        if digest := looks[sample.key].digest:
            first.setdefault(digest, sample)
    for sample in category.test:
        twin = first.get(looks[sample.key].digest or "")
        if twin is not None:
            findings.notices.append(
                f"{sample.key}: the same picture as {twin.key}, which is trained on; its score "
                "says nothing."
            )
    defective: dict[str, Sample] = {}
    for sample in category.test:
        digest = looks[sample.key].digest
        if sample.is_good or digest is None:
            continue
        twin = defective.setdefault(digest, sample)
        if twin is not sample and (twin.group is None or twin.group != sample.group):
            findings.notices.append(
                f"{sample.key}: the same picture as {twin.key}; were one a shot, the other would "
                "be tested on. Remove one, or give both one group in groups.tsv."
            )
    shared = {s.group for s in category.train if s.group} & {s.group for s in category.test}
    if shared:
        findings.notices.append(
            f"{category.name}: the training set and the test set share parts, in {len(shared)} "
            f"group{'' if len(shared) == 1 else 's'} such as {min(filter(None, shared))}."
        )
    for defect in category.defects:
        covered = [c for s in category.of(defect) if (c := looks[s.key].covered) is not None]
        whole = sum(share > _WHOLE_IMAGE for share in covered)
        if whole:
            findings.notices.append(
                f"{category.name}: {whole} of {len(covered)} masks of {defect} cover more than "
                f"{_WHOLE_IMAGE:.0%} of the image; white must mark the defect, not the rest."
            )
    levels = {key: look.level for key, look in looks.items() if look.level is not None}
    if notice := other_light(category, levels):
        findings.notices.append(notice)
    tops = [
        top
        for sample in (*category.train, *category.test)
        if (top := looks[sample.key].sixteen_bit_top) is not None
    ]
    if tops and max(tops) < _DARK_16_BIT:
        findings.notices.append(
            f"{category.name}: the 16-bit images use values up to {max(tops)} of 65535 and will "
            "look nearly black; multiply them to fill the range."
        )
