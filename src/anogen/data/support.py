"""Choosing the few real shots of each defect that a run may learn from."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from anogen.data.findings import Findings
from anogen.data.official_support import OFFICIAL_SUPPORT
from anogen.data.sample import Category, Sample, SupportSet
from anogen.data.split import first_third, leaked
from anogen.errors import InputError
from anogen.files import inside
from anogen.seeds import rng_of

_COMMENT = re.compile(r"(?:^|\s)#.*")

Split = Literal["shots", "thirds", "thirds-leaking"]
"""How a defect's images are divided: a few shots, or a third to learn from and the rest to test."""


def draw_support(
    category: Category,
    *,
    shots: int = 3,
    seed: int = 0,
    listing: Path | None = None,
    official: bool = False,
    split: Split = "shots",
) -> SupportSet:
    """The support set of a category: drawn by seed, named in a file, AnoGen's own, or a third.

    Defect types without masks get no shots and no key. Two shots of a defect never show the same
    part (group). The draw depends on the seed and on the names of category and defect alone, so
    leaving out one defect type changes nothing for the others. Everything that shares a group
    with a shot, whatever its label, is excluded from the test set.

    Args:
        category: the category.
        shots: how many shots of each defect; with ``listing`` the file decides.
        seed: the run's seed.
        listing: a text file with one path a line, relative to the dataset's root; ``#`` starts a
            comment; lines of other categories and of defect types that are not read are passed
            over.
        official: take the images of AnoGen's experiments (MVTec AD only), by file number.
        split: ``"thirds"`` takes the first third of each defect's images by number, as
            AnomalyDiffusion does; ``"thirds-leaking"`` adds the first image of the test set, as its
            released code does, and leaves it there. Shots and seed then decide nothing.

    Raises:
        InputError: with one sentence a line, if a defect has too few masks or parts, a named file
            is missing, no shot is named for a defect, or two shots share a group.
    """
    if shots < 1:
        raise InputError(f"{shots} shots of each defect are too few; learn from at least 1.")
    if listing is not None and official:
        raise InputError("the support set is either named in a file or the official one, not both.")
    if split != "shots" and (listing is not None or official):
        raise InputError(
            f"support.split={split} chooses the shots itself; leave out the list and the official "
            "ones, or use support.split=shots."
        )
    findings = Findings()
    learnable = {
        defect: masked
        for defect in category.defects
        if (masked := [sample for sample in category.of(defect) if sample.mask is not None])
    }
    if split != "shots":
        return _thirds(category, learnable, leaking=split == "thirds-leaking")
    if listing is not None:
        chosen = _named(category, learnable, listing, findings)
    elif official:
        chosen = _official(category, learnable, shots, findings)
    else:
        chosen = {
            defect: _drawn(category.name, defect, masked, shots, seed, findings)
            for defect, masked in learnable.items()
        }
    findings.raise_problems()
    return SupportSet(shots=_sorted(chosen), excluded=_excluded(category, chosen))


def _sorted(chosen: Mapping[str, Sequence[Sample]]) -> dict[str, tuple[Sample, ...]]:
    return {
        defect: tuple(sorted(samples, key=lambda sample: sample.key))
        for defect, samples in chosen.items()
    }


def _excluded(category: Category, chosen: Mapping[str, Sequence[Sample]]) -> frozenset[str]:
    """Keys of the shots, and of everything that shows the part of a shot."""
    taken = [sample for samples in chosen.values() for sample in samples]
    keys = {sample.key for sample in taken}
    groups = {sample.group for sample in taken if sample.group is not None}
    return frozenset(keys | {sample.key for sample in category.test if sample.group in groups})


def _thirds(
    category: Category, learnable: Mapping[str, Sequence[Sample]], *, leaking: bool
) -> SupportSet:
    """The first third of each defect; parts that also lie in it leave the test set."""
    findings = Findings()
    chosen = {defect: first_third(masked) for defect, masked in learnable.items()}
    for defect, third in chosen.items():
        if not third:
            findings.problems.append(
                f"{category.name}: {defect} has {len(learnable[defect])} images with masks, and a "
                "third of them is none; use support.split=shots, or add images."
            )
    findings.raise_problems()
    excluded = _excluded(category, chosen)
    if leaking:
        chosen = {d: (*third, leaked(learnable[d])) for d, third in chosen.items()}
    return SupportSet(shots=_sorted(chosen), excluded=excluded)


def learned_and_tested(support: SupportSet, samples: Sequence[Sample]) -> int:
    """How many of the test images ``samples`` are shots as well: none unless asked for."""
    shots = {shot.key for shots in support.shots.values() for shot in shots}
    return sum(sample.key in shots for sample in samples)


def evaluation_samples(
    category: Category, support: SupportSet, *, include_support: bool = False
) -> tuple[Sample, ...]:
    """The test set without everything that the support set excludes, sorted by key.

    ``include_support`` keeps it whole, as AnoGen's released evaluation does (its own shots are
    17 % of the defective test images); for comparison with printed numbers only.
    """
    if include_support:
        return category.test
    return tuple(sample for sample in category.test if sample.key not in support.excluded)


def _drawn(
    category: str,
    defect: str,
    masked: Sequence[Sample],
    shots: int,
    seed: int,
    findings: Findings,
) -> list[Sample]:
    """The first ``shots`` parts in a random order of the images."""
    order = rng_of(seed, "support", category, defect).permutation(len(masked))
    chosen: list[Sample] = []
    groups: set[str] = set()
    for position in order:
        sample = masked[position]
        if sample.group in groups:
            continue
        chosen.append(sample)
        if sample.group is not None:
            groups.add(sample.group)
    if len(chosen) < shots:
        parts = "" if len(chosen) == len(masked) else f" of {len(chosen)} different parts"
        findings.problems.append(
            f"{category}: {defect} has {len(masked)} images with masks{parts}, fewer than the "
            f"{shots} shots; lower --shots or add masks."
        )
    return chosen[:shots]


def _named(
    category: Category,
    learnable: dict[str, list[Sample]],
    listing: Path,
    findings: Findings,
) -> dict[str, list[Sample]]:
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{listing}: the list of support images is not readable ({error})."
        ) from None
    by_key = {sample.key: sample for sample in (*category.train, *category.test)}
    read = {PurePosixPath(key).parent for key in by_key}
    read |= {
        PurePosixPath(sample.mask.relative_to(category.root).as_posix()).parent
        for sample in category.test
        if sample.mask is not None
    }
    chosen: dict[str, list[Sample]] = {defect: [] for defect in learnable}
    for number, line in enumerate(lines, start=1):
        text = _COMMENT.sub("", line).strip().replace("\\", "/")
        if not text:
            continue
        where = f"{listing}, line {number}: {text}"
        if not inside(category.root, text).is_file():
            findings.problems.append(
                f"{where}: no such file in {category.root}; write paths relative to that folder."
            )
            continue
        key = Path(os.path.relpath(category.root / text, category.root)).as_posix()
        sample = by_key.get(key)
        if sample is None:
            if PurePosixPath(key).parent in read:
                findings.problems.append(f"{where}: no image of a defect; name such images only.")
            continue  # another category, or a defect type that is not read
        if sample.is_good:
            findings.problems.append(f"{where}: shows a good part; name images of defects only.")
        elif sample.mask is None:
            findings.problems.append(f"{where}: has no mask; add the mask or name another image.")
        elif sample in chosen[sample.label]:
            findings.problems.append(f"{where}: is named twice; remove one of the lines.")
        else:
            chosen[sample.label].append(sample)
    for defect, samples in chosen.items():
        if not samples:
            findings.problems.append(
                f"{listing}: no shot of {category.name} {defect}; add one, or leave the defect "
                "out with --defect."
            )
        counts = Counter(sample.group for sample in samples if sample.group is not None)
        for group, count in counts.items():
            if count > 1:
                findings.problems.append(
                    f"{listing}: {count} shots of {category.name} {defect} show the same part "
                    f"(group {group}); keep one of them."
                )
    return chosen


def _official(
    category: Category,
    learnable: dict[str, list[Sample]],
    shots: int,
    findings: Findings,
) -> dict[str, list[Sample]]:
    table = OFFICIAL_SUPPORT.get(category.name)
    if table is None:
        raise InputError(
            f"{category.name}: no official support images; they exist for the MVTec AD categories "
            f"{', '.join(OFFICIAL_SUPPORT)}."
        )
    chosen: dict[str, list[Sample]] = {}
    for defect, masked in learnable.items():
        numbers = table.get(defect, ())
        if len(numbers) < shots:
            findings.problems.append(
                f"{category.name}: {len(numbers)} official support images of {defect}, fewer than "
                f"the {shots} shots; lower --shots or leave the defect out with --defect."
            )
            continue
        chosen[defect] = []
        for number in numbers[:shots]:
            found = [sample for sample in masked if _number(sample) == number]
            if len(found) == 1:
                chosen[defect] += found
            else:
                findings.problems.append(
                    f"{category.name}: {len(found) or 'no'} images of {defect} have the official "
                    f"number {number:03d}; use the file names of MVTec AD."
                )
    return chosen


def _number(sample: Sample) -> int | None:
    """The number at the end of the file's stem."""
    digits = re.search(r"(\d+)$", sample.image.stem, flags=re.ASCII)
    return int(digits.group(1)) if digits else None
