"""The verbs that look before anything is drawn: the sheet of places, and the dry run."""

import re
from pathlib import Path

import pytest

from anogen.data.images import read_image
from anogen.placement.sheet import GAP, TEXT, TILE


def test_the_preview_is_one_image(anogen, small_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    answer = anogen("placement", "preview", small_dataset, "--out", out, "--count", 2)
    assert answer.code == 0
    assert answer.out == f"4 places: {out}\n"
    # Two of each of the two defects, in one row.
    assert read_image(out).shape == (TILE + TEXT + 2 * GAP, 4 * (TILE + GAP) + GAP, 3)
    assert list(tmp_path.iterdir()) == [out]
    first = out.read_bytes()
    anogen("placement", "preview", small_dataset, "--out", out, "--count", 2)
    assert out.read_bytes() == first
    answer = anogen("placement", "preview", small_dataset, "--out", out, "--defect", "spot")
    assert answer.out.startswith("6 places")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--out", "sheet.jpg"), "ends with .png"),
        (("--out", "s.png", "--set", "placement.sizes=official"), "it has no plate"),
        (
            ("--out", "s.png", "--set", "support={split: thirds, official: true}"),
            "support.split=thirds chooses the shots itself",
        ),
        (("--out", "s.png", "--set", "placement.border=31"), "lower placement.border"),
        (("--out", "s.png", "--set", "placement.defects=90"), "lower placement.defects"),
    ],
)
def test_a_preview_that_cannot_be(anogen, small_dataset: Path, options, sentence) -> None:
    answer = anogen("placement", "preview", small_dataset, *options)
    assert answer.code == 2
    assert sentence in answer.err
    assert answer.out == ""


def test_a_dry_run_counts_and_leaves_nothing(
    anogen, small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ("run", small_dataset, "--prior", small_prior_file, "--out", out, "--dry-run")
    answer = anogen(*command, "--set", "bank.normals=3", "--set", "bank.samples=2")
    assert answer.code == 0
    # Two defects, three normals, one box, two samples.
    assert "plate: 12 images, 0 of them drawn already" in answer.out
    assert "to draw: 12 images, about 0.1 MB on disk" in answer.out
    for line in ("to learn 2 concepts", "to draw each once", "to train 4 detectors"):
        assert re.search(rf"time {line}: about [0-9.]+ (seconds|minutes|hours)", answer.out)
    assert "reckoned from one call of each network on this machine" in answer.out
    assert not out.exists()


def test_a_dry_run_fetches_no_prior(anogen, small_dataset: Path, tmp_path: Path) -> None:
    command = ("run", small_dataset, "--out", tmp_path / "run", "--dry-run")
    small = ("--set", "training.detectors=[unet]", "--set", "detectors.unet.width=4")
    answer = anogen(*command, "--prior", "somebody/some-model", "--preset", "paper", *small)
    assert answer.code == 0
    # Eight good images, two boxes, two samples, two defects.
    assert "plate: 64 images" in answer.out
    assert "to draw: not known, the prior is not on this machine yet" in answer.out
    # What can be fetched from nowhere is a slip of the pen.
    answer = anogen(*command, "--prior", "embeded")
    assert (answer.code, "embeded" in answer.err) == (2, True)


def test_the_preview_shows_the_method_of_a_run(anogen, small_dataset: Path, tmp_path: Path) -> None:
    def sheet(method: str) -> bytes:
        out = tmp_path / "sheet.png"
        assert (
            anogen("placement", "preview", small_dataset, "--out", out, *method.split()).code == 0
        )
        return out.read_bytes()

    plain = sheet("")
    assert sheet("--method anomalydiffusion") != plain
    assert sheet("--method anogen") == plain
