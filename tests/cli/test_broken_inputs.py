"""Wrong input gives a clear sentence with the file's name, no traceback, exit code 2."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anogen.data.images import write_png

Break = Callable[[Path], object]


@pytest.fixture
def broken(small_dataset: Path, tmp_path: Path) -> Path:
    """A sound dataset of one's own, to be broken; in it one category, ``plate``."""
    return Path(shutil.copytree(small_dataset, tmp_path / "data"))


def mask_of_another_size(data: Path) -> None:
    write_png(data / "plate/ground_truth/spot/002_mask.png", np.full((64, 60), 255, np.uint8))


def empty_mask(data: Path) -> None:
    write_png(data / "plate/ground_truth/spot/001_mask.png", np.zeros((64, 64), np.uint8))


def missing_mask(data: Path) -> None:
    (data / "plate/ground_truth/line/003_mask.png").unlink()


def mask_without_image(data: Path) -> None:
    (data / "plate/test/line/003.png").unlink()


def truncated_image(data: Path) -> None:
    path = data / "plate/train/good/003.png"
    path.write_bytes(path.read_bytes()[:1200])


def truncated_mask(data: Path) -> None:
    path = data / "plate/ground_truth/line/000_mask.png"
    path.write_bytes(path.read_bytes()[:70])


def unreadable_image(data: Path) -> None:
    (data / "plate/test/good/000.png").write_bytes(b"no picture")


def two_files_of_one_stem(data: Path) -> None:
    shutil.copy(data / "plate/test/spot/000.png", data / "plate/test/spot/000.bmp")


def no_good_images(data: Path) -> None:
    shutil.rmtree(data / "plate/train/good")


def no_defects(data: Path) -> None:
    for name in ("spot", "line"):
        shutil.rmtree(data / "plate/test" / name)
        shutil.rmtree(data / "plate/ground_truth" / name)


def empty_defect_folder(data: Path) -> None:
    (data / "plate/test/void").mkdir()


def unknown_layout(data: Path) -> None:
    (data / "plate").rename(data / "aside")
    for path in (data / "aside").iterdir():
        path.rename(path.with_name(f"my-{path.name}"))


def empty_root(data: Path) -> None:
    shutil.rmtree(data / "plate")


def missing_root(data: Path) -> None:
    shutil.rmtree(data)


def root_is_a_file(data: Path) -> None:
    shutil.rmtree(data)
    data.write_text("no folder")


CASES: list[tuple[Break, str, str]] = [
    (mask_of_another_size, "plate/ground_truth/spot/002_mask.png", "mask is 60x64 pixels"),
    (empty_mask, "plate/ground_truth/spot/001_mask.png", "the mask is empty"),
    (missing_mask, "plate/test/line/003.png", "no mask 003.png or 003_mask.png"),
    (mask_without_image, "plate/ground_truth/line/003_mask.png", "a mask without an image"),
    (truncated_image, "plate/train/good/003.png", "truncated"),
    (truncated_mask, "plate/ground_truth/line/000_mask.png", "truncated"),
    (unreadable_image, "plate/test/good/000.png", "not a readable"),
    (two_files_of_one_stem, "plate/test/spot/000.png", "the same name before the ending"),
    (no_good_images, "plate", "no good images to train on"),
    (no_defects, "plate", "no images of defects"),
    (empty_defect_folder, "plate/test/void", "no images"),
    (unknown_layout, "data", "no dataset in a known layout"),
    (empty_root, "data", "no dataset in a known layout"),
    (missing_root, "data", "no such folder"),
    (root_is_a_file, "data", "not a folder"),
]


@pytest.mark.parametrize(
    ("damage", "name", "sentence"), CASES, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_broken_dataset(anogen, broken, tmp_path, small_prior_file, damage, name, sentence):
    damage(broken)
    out = tmp_path / "out"
    for command in (
        ("validate", broken),
        ("run", broken, "--out", out, "--prior", small_prior_file),
        ("learn", broken, "--out", out, "--prior", small_prior_file),
    ):
        answer = anogen(*command)
        assert answer.code == 2
        line = next(line for line in answer.err.splitlines() if sentence in line)
        assert name in line
        assert answer.out == ""
        # The corrected command can use the folder.
        assert not out.exists()


def test_all_problems_at_once(anogen, broken):
    damages = (mask_of_another_size, empty_mask, missing_mask, truncated_image, unreadable_image)
    for damage in damages:
        damage(broken)
    answer = anogen("validate", broken)
    assert answer.code == 2
    assert answer.err.splitlines()[0] == f"anogen: {len(damages)} problems:"
    for case, name, sentence in CASES:
        if case in damages:
            assert any(name in line and sentence in line for line in answer.err.splitlines())


def test_machine_readable_problems(anogen, broken):
    import json

    empty_mask(broken)
    answer = anogen("validate", broken, "--json")
    assert answer.code == 2
    (problem,) = json.loads(answer.out)["problems"]
    assert "plate/ground_truth/spot/001_mask.png" in problem
