"""A good image on which a defect has no place is left out, and does not end the run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from anogen.bank.bank import Bank
from anogen.concept.concept import Concept
from anogen.data.images import read_image, write_png
from anogen.errors import NoPlaceError
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.generate import generate, progress
from anogen.study.stages.material import categories_of


def drawn(path: Path, dataset: Path, prior, *, batch: int = 4) -> Bank:
    """The bank of a run on all good images, with concepts of random tokens."""
    given = {
        "dataset": {"root": str(dataset)},
        "placement": {"where": "anywhere", "foreground": "whole"},
        "synthesis": {"steps": 2, "batch_size": batch},
        "bank": {"normals": None, "attempts": 2, "least_change": 1.0},
    }
    run = RunFolder(path, resolve("quick", given))
    ((category, support),) = categories_of(run)
    for defect in support.shots:
        tokens = torch.randn(2, prior.token_dim, generator=torch.Generator().manual_seed(0))
        Concept(category.name, defect, tokens, prior.fingerprint).save(
            run.concept(category.name, defect)
        )
    generate(run, category, support, prior)
    assert progress(run, category, support) == (16, 16)
    return Bank(run.bank(category.name))


@pytest.fixture
def odd(small_dataset: Path, tmp_path: Path) -> Path:
    """The small dataset with a good image that is too flat for any box."""
    root = shutil.copytree(small_dataset, tmp_path / "odd")
    write_png(root / "plate/train/good/003.png", np.full((4, 200), 128, np.uint8))
    return root


def test_it_is_rejected_with_a_reason_and_the_others_are_drawn(
    odd: Path, tmp_path: Path, small_prior, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = drawn(tmp_path / "run", odd, small_prior)
    key = "plate/train/good/003.png"
    left_out = [entry for entry in bank if entry.normal == key]
    assert {entry.defect for entry in left_out} == {"line", "spot"}
    said = capsys.readouterr().err
    for entry in left_out:
        assert not entry.accepted
        assert entry.reason is not None
        assert "no box of the size asked for fits into 200 x 4 pixels" in entry.reason
        assert f"note: {entry.reason} This image is left out." in said
        assert np.array_equal(bank.image(entry), read_image(odd / key))
        mask = bank.mask(entry)
        assert mask is not None and not mask.any()
    for entry in bank:
        assert bool(entry.candidates) == (entry.normal != key)
    # However the work is cut into batches.
    other = drawn(tmp_path / "other", odd, small_prior, batch=1)
    assert [entry.reason for entry in other] == [entry.reason for entry in bank]


def test_where_no_image_has_a_place_the_run_ends(odd: Path, tmp_path: Path, small_prior) -> None:
    for number in range(8):
        write_png(odd / f"plate/train/good/{number:03d}.png", np.full((4, 200), 128, np.uint8))
    with pytest.raises(NoPlaceError, match="no box of the size asked for fits"):
        drawn(tmp_path / "run", odd, small_prior)
