"""Learned masks in a run: an embedding of each defect's masks, and the masks sampled with it.

The embedding belongs to stage 1 and lies beside the concepts; the masks belong to stage 2, are
sampled once for each defect, and are chosen from for every place.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anogen.concept.concept import load_concept
from anogen.concept.mask_embedding import learn_mask_embedding
from anogen.data.sample import Category, SupportSet
from anogen.errors import InputError
from anogen.files import sha256_of, write_bytes
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import seed_of
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder
from anogen.study.saying import progress_bar, say
from anogen.study.stages.material import need_shots, shots_of
from anogen.synthesis.contract import Support
from anogen.synthesis.mask_generation import sample_masks

Masks = NDArray[np.bool_]


def mask_embeddings(run: RunFolder, category: str, defects: Sequence[str]) -> list[Path]:
    """The files of a category's mask embeddings; none where masks are not learned."""
    if not run.settings.learns_masks:
        return []
    return [run.mask_embedding(category, defect) for defect in sorted(defects)]


def learn_masks(
    run: RunFolder, category: Category, support: SupportSet, prior: LatentDiffusion
) -> None:
    """Learn the mask embeddings that are missing and write them; each defect's by itself.

    Args:
        run: its settings ask for learned masks.
        category: the category.
        support: its shots.
        prior: the one that the category's concepts speak to.

    Raises:
        InputError: if an embedding that is there belongs to another prior or other shots.
    """
    settings = run.settings.masks
    for defect, samples in sorted(support.shots.items()):
        path = run.mask_embedding(category.name, defect)
        shots = shots_of(samples)
        if path.exists():
            embedding = load_concept(path)
            embedding.check(prior.fingerprint)
            need_shots(embedding, shots, path)
            continue
        with (
            timed(run.concepts(category.name), "learn"),
            progress_bar(f"learn masks of {category.name} {defect}", settings.steps) as done,
        ):
            embedding = learn_mask_embedding(
                prior,
                shots,
                category=category.name,
                defect=defect,
                settings=settings,
                seed=seed_of(run.settings.seed, "mask embedding"),
                on_step=done,
            )
        embedding.save(path)


def sampled_masks(
    run: RunFolder,
    category: Category,
    supports: Mapping[str, Sequence[Support]],
    prior: LatentDiffusion,
) -> dict[str, Masks]:
    """The masks to choose from, ``(n, S, S)`` for each defect; sampled now where they are missing.

    Empty where masks are not learned. A line on stderr says where fewer were found than wanted.

    Raises:
        InputError: if no mask is legal, or a file is damaged or of another embedding.
    """
    if not run.settings.learns_masks:
        return {}
    found = {}
    for defect, shots in sorted(supports.items()):
        path = run.masks(category.name, defect)
        source = run.mask_embedding(category.name, defect)
        if not path.exists():
            masks = _sample(run, category, defect, [mask for _, mask in shots], prior)
            _write(path, masks, sha256_of(source))
        found[defect] = _read(path, sha256_of(source))
    return found


def _sample(
    run: RunFolder,
    category: Category,
    defect: str,
    supports: Sequence[Masks],
    prior: LatentDiffusion,
) -> Masks:
    settings = run.settings.masks
    with progress_bar(f"masks of {category.name} {defect}", settings.count) as done:
        masks = sample_masks(
            prior,
            load_concept(run.mask_embedding(category.name, defect)),
            supports=supports,
            settings=settings,
            seed=seed_of(run.settings.seed, "masks"),
            on_masks=done,
        )
    if len(masks) < settings.count:
        say(
            f"note: {category.name}/{defect}: only {len(masks)} of {settings.count} masks were "
            f"found among {settings.attempts * settings.count} samples (masks.attempts); they are "
            "used more often."
        )
    return masks


def _write(path: Path, masks: Masks, embedding: str) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, masks=masks, embedding=np.array(embedding))
    write_bytes(path, buffer.getvalue())


def _read(path: Path, embedding: str) -> Masks:
    try:
        with np.load(path, allow_pickle=False) as stored:
            masks: Masks = stored["masks"].astype(bool)
            source = str(stored["embedding"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable masks; delete it and generate again.") from error
    if source != embedding or masks.ndim != 3 or not masks.any(axis=(1, 2)).all() or not len(masks):
        raise InputError(
            f"{path}: masks of another embedding, or damaged; delete it and generate again."
        )
    return masks
