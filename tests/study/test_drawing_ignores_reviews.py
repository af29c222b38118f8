"""A bank that was reviewed half-way ends with the drawings of one that was not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from test_pipeline import SMALL_RUN

from anogen.bank.bank import Bank
from anogen.bank.manifest import Entry
from anogen.bank.review import correct, decide
from anogen.study.pipeline import generate_stage, learn_stage
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.material import categories_of, prior_of

TIME = "2026-01-31T12:00:00Z"
PASSING = ("most_seam=1", "least_on_object=0", "least_distance=0", "least_likeness=0")


@pytest.fixture(scope="module")
def unbroken(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    given = {
        "dataset": {"root": str(small_dataset), "defects": ["spot"]},
        "prior": str(small_prior_file),
    }
    gate = [f"bank.{limit}" for limit in PASSING]
    overrides = (*SMALL_RUN, *gate, "synthesis.batch_size=2", "bank.normals=4")
    run = RunFolder(
        tmp_path_factory.mktemp("runs") / "run", resolve("quick", given, overrides=overrides)
    )
    draw(run)
    return run


def draw(run: RunFolder) -> None:
    """What is missing of a run's bank."""
    pairs, prior = categories_of(run), prior_of(run.settings)
    learn_stage(run, pairs, prior)
    generate_stage(run, pairs, prior)


def drawn(run: RunFolder) -> dict[str, tuple[Entry, bytes, bytes]]:
    """Each image with its line as it was before any review."""
    bank = Bank(run.bank("plate"))
    found = {}
    for entry in bank:
        assert entry.mask is not None
        files = [(bank.folder / name).read_bytes() for name in (entry.image, entry.mask)]
        found[entry.id] = (entry.model_copy(update={"review": None}), files[0], files[1])
    return found


def test_words_and_masks_said_half_way_change_no_later_drawing(
    unbroken: RunFolder, tmp_path: Path
) -> None:
    expected = drawn(unbroken)
    earlier, later = sorted(expected)[:2], sorted(expected)[2:]
    assert len(later) == 2
    # That copies of accepted earlier images are refused is what a review could disturb.
    assert all(expected[name][0].decision == "accepted" for name in earlier)
    assert all("new" in expected[name][0].gate for name in later)

    run = RunFolder(tmp_path / "run", unbroken.settings)
    shutil.copytree(unbroken.path, run.path)
    manifest = run.bank("plate") / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if any(n in line for n in earlier)))
    for name in later:
        (run.bank("plate") / expected[name][0].image).unlink()
    bank = Bank(run.bank("plate"))
    assert [entry.id for entry in bank] == earlier
    height, width = bank.image(expected[earlier[0]][0]).shape[:2]
    everywhere = np.full((height, width), 255, np.uint8)
    for name in earlier:
        correct(bank, name, everywhere, time=TIME)
        decide(bank, name, "rejected", time=TIME)
    bank.finish()

    draw(run)
    assert drawn(run) == expected
    reviewed = {entry.id for entry in Bank(run.bank("plate")) if entry.review is not None}
    assert reviewed == set(earlier)  # and no word is lost
