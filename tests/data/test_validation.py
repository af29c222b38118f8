import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anogen.data.dataset import read_dataset
from anogen.data.images import write_png
from anogen.data.validation import validate
from anogen.errors import InputError

Write = Callable[..., Path]


def test_a_sound_dataset(mvtec: Path) -> None:
    result = validate(mvtec, shots=4)
    assert result.problems == []
    assert result.categories == read_dataset(mvtec)
    # 3 good and 2 held out, 4 bent and 4 crack with masks, 2 odd without.
    assert (result.images, result.masks) == (15, 8)
    assert [notice.split(": ")[0] for notice in result.notices] == ["screw/test/odd"]


def test_all_problems_in_one_pass(mvtec: Path, write: Write) -> None:
    screw = mvtec / "screw"
    truncated = screw / "train/good/000.png"
    write("screw/train/good/000.png", size=(64, 64))
    truncated.write_bytes(truncated.read_bytes()[:1000])
    write("screw/train/good/001.bmp")
    (screw / "test/good/000.png").write_bytes(b"junk")
    write("screw/ground_truth/bent/000_mask.png", mask=True, size=(6, 8))
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(screw / "ground_truth/bent/001_mask.png")
    (screw / "ground_truth/bent/002_mask.png").unlink()
    (screw / "ground_truth/bent/003_mask.png").write_bytes(b"junk")
    write("screw/ground_truth/bent/900_mask.png", mask=True)
    write("screw/ground_truth/crack/000_mask.png", mask=True)
    write("screw/ground_truth/ghost/000_mask.png", mask=True)
    (screw / "test/void").mkdir()
    write("screw/test/loose.png")
    write("nut/test/bent/000.png")
    write("bolt/train/good/000.png")
    write("cap/train/good/000.png")
    write("cap/test/dent/000.png")
    (mvtec / "cap/ground_truth/dent").mkdir(parents=True)

    result = validate(mvtec)
    expected = {
        "screw/train/good/000.png": "truncated",
        "screw/train/good/001.png": "001.bmp in the same folder has the same name",
        "screw/test/good/000.png": "not a readable",
        "screw/ground_truth/bent/000_mask.png": "the mask is 6x8 pixels, its image 8x6",
        "screw/ground_truth/bent/001_mask.png": "the mask is empty",
        "screw/test/bent/002.png": "no mask 002.png or 002_mask.png",
        "screw/ground_truth/bent/003_mask.png": "not a readable",
        "screw/ground_truth/bent/900_mask.png": "a mask without an image",
        "screw/ground_truth/crack/000_mask.png": "a second mask for 000.png",
        "screw/ground_truth/ghost": "masks of a defect type without images",
        "screw/test/void": "no images",
        "screw/test/loose.png": "1 image outside of a type's folder",
        "nut": "no good images to train on; put them into nut/train/good",
        "bolt": "no images of defects",
        "cap/ground_truth/dent": "no masks",
    }
    found = dict(problem.split(": ", 1) for problem in result.problems)
    assert set(found) == set(expected)
    assert len(result.problems) == len(expected)
    for name, says in expected.items():
        assert says in found[name]
        assert found[name].endswith(".")
        assert "\n" not in found[name]
    with pytest.raises(InputError) as caught:
        read_dataset(mvtec)
    assert set(str(caught.value).splitlines()) < set(result.problems)


def test_what_cannot_be_read_at_all_is_a_problem_too(tmp_path: Path) -> None:
    result = validate(tmp_path / "nowhere")
    assert len(result.problems) == 1
    assert "no such folder" in result.problems[0]
    assert result.categories == []


def test_too_few_shots_are_a_problem_when_asked(mvtec: Path) -> None:
    assert [p.split(",")[0] for p in validate(mvtec, shots=5).problems] == [
        "screw: bent has 4 images with masks",
        "screw: crack has 4 images with masks",
    ]


def test_the_same_picture_in_train_and_test_is_noticed(mvtec: Path) -> None:
    screw = mvtec / "screw"
    with Image.open(screw / "train/good/001.png") as image:
        image.save(screw / "test/good/001.bmp")  # other bytes, same picture
    (screw / "test/good/001.png").unlink()
    (twin,) = [notice for notice in validate(mvtec).notices if "same picture" in notice]
    assert twin.startswith("screw/test/good/001.bmp: the same picture as screw/train/good/001.png")


def test_one_picture_twice_among_the_defects_is_noticed(mvtec: Path) -> None:
    bent = mvtec / "screw/test/bent"
    shutil.copy(bent / "000.png", bent / "003.png")
    (twin,) = [notice for notice in validate(mvtec).notices if "same picture" in notice]
    assert twin.startswith("screw/test/bent/003.png: the same picture as screw/test/bent/000.png")
    (mvtec / "groups.tsv").write_text("file\tgroup\ntest/bent/000.png\ta\ntest/bent/003.png\ta\n")
    assert not [notice for notice in validate(mvtec).notices if "same picture" in notice]


def test_values_of_a_mask_that_do_not_count_are_noticed(mvtec: Path) -> None:
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[0, :3], mask[3, 3], mask[5] = 1, 2, 4
    write_png(mvtec / "screw/ground_truth/bent/000_mask.png", mask)
    (notice,) = [notice for notice in validate(mvtec).notices if "do not count" in notice]
    assert notice.startswith("screw/ground_truth/bent/000_mask.png: pixels of value 1, 2 do not")
    smooth = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
    write_png(mvtec / "screw/ground_truth/bent/000_mask.png", smooth)
    assert not [notice for notice in validate(mvtec).notices if "do not count" in notice]


def test_a_part_in_train_and_test_is_noticed(mvtec: Path) -> None:
    (mvtec / "groups.tsv").write_text(
        "file\tgroup\ntrain/good/000.png\tp1\ntest/bent/000.png\tp1\ntest/bent/001.png\tp2\n"
    )
    assert (
        "screw: the training set and the test set share parts, in 1 group such as p1."
        in validate(mvtec).notices
    )


def test_dark_sixteen_bit_images_are_noticed(mvtec: Path) -> None:
    twelve = np.random.default_rng(0).integers(0, 4096, (6, 8), dtype=np.uint16)
    twelve[0, 0] = 4095
    write_png(mvtec / "screw/train/good/000.png", twelve)
    assert any("up to 4095 of 65535" in notice for notice in validate(mvtec).notices)
    write_png(mvtec / "screw/train/good/001.png", twelve * 16)
    assert not any("65535" in notice for notice in validate(mvtec).notices)


def test_inverted_masks_are_noticed(mvtec: Path) -> None:
    inverted = np.full((6, 8), 255, dtype=np.uint8)
    inverted[2, 2] = 0
    for i in range(2):
        write_png(mvtec / f"screw/ground_truth/bent/{i:03d}_mask.png", inverted)
    (notice,) = [notice for notice in validate(mvtec).notices if "mark the defect" in notice]
    assert notice.startswith("screw: 2 of 4 masks of bent cover more than 90% of the image")


def test_rotated_photographs_fit_masks_drawn_upright(mvtec: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = mvtec / "screw/test/bent/000.png"
    Image.fromarray(np.ones((8, 6), np.uint8)).save(path, exif=exif)  # stored lying, shown 8x6
    assert validate(mvtec).problems == []
