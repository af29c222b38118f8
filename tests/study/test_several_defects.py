"""A run with two defects on each image, from the sampler to the detector's label."""

from pathlib import Path

import numpy as np
import pytest
from test_pipeline import SMALL_RUN

from anogen.bank.bank import Bank
from anogen.data.images import read_image
from anogen.placement.box import Box
from anogen.study.pipeline import run_all
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages import train
from anogen.study.stages.material import categories_of
from anogen.synthesis.tightening import tightened


@pytest.fixture(scope="module")
def run(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    given = {"dataset": {"root": str(small_dataset)}, "prior": str(small_prior_file)}
    settings = resolve(
        "quick",
        given,
        overrides=(
            *SMALL_RUN,
            "placement.defects=2",
            "placement.size_jitter=0",
            "training.label=box",
            "training.arms=generated",
            "bank.least_on_object=0",
            "bank.most_seam=1",
            "bank.least_distance=0",
        ),
    )
    folder = tmp_path_factory.mktemp("runs") / "several"
    run_all(folder, settings, command=["anogen"])
    return RunFolder(folder, settings)


def test_nothing_changes_outside_all_boxes(run: RunFolder, small_dataset: Path) -> None:
    bank = Bank(run.bank("plate"))
    assert len(bank) == 6
    for entry in bank:
        normal = read_image(small_dataset / entry.normal)
        image, mask = bank.image(entry), bank.mask(entry)
        boxes = [Box(*box) for box in entry.placed]
        assert len(boxes) == 2
        inside = np.logical_or.reduce([box.mask(*normal.shape) for box in boxes])
        assert inside.sum() == sum(box.area for box in boxes)  # they are apart
        assert np.array_equal(image[~inside], normal[~inside])
        assert all((image[box.slices] != normal[box.slices]).any() for box in boxes)
        assert mask is not None
        assert not mask[~inside].any()
        # Each box is tightened to its own defect's mask, and the box of all is around them.
        tight = [tightened(mask, box) for box in boxes]
        covered = np.logical_or.reduce([box.mask(*normal.shape) for box in tight])
        assert [Box(*box) for box in entry.boxes] == tight
        assert entry.region == Box.around(covered)
        assert np.array_equal(entry.covered(*normal.shape), covered)
        assert not (mask >= 0.5)[~covered].any()


def test_masks_train_as_they_are_or_as_yes_and_no(run: RunFolder) -> None:
    ((category, _),) = categories_of(run)
    bank = Bank(run.bank("plate"))
    entries = list(bank.accepted())
    soft, hard = (train._load_bank(run, category, 64, label).masks for label in ("soft", "mask"))
    assert len(soft) == len(hard) == len(entries) > 0
    for entry, grey, binary in zip(entries, soft, hard, strict=True):
        stored = bank.mask(entry)
        assert stored is not None
        np.testing.assert_allclose(grey, stored, atol=1 / 255)
        assert np.array_equal(binary, stored >= 0.5)
    assert ((soft > 0) & (soft < 1)).any()


def test_the_box_label_has_a_hole_between_the_boxes(run: RunFolder) -> None:
    ((category, _),) = categories_of(run)
    generated = train._load_bank(run, category, 64, "box")
    entries = list(Bank(run.bank("plate")).accepted())
    assert len(entries) == len(generated.masks) > 0
    for entry, mask in zip(entries, generated.masks, strict=True):
        assert np.array_equal(mask > 0, entry.covered(64, 64))
