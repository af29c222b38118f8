"""Several defects on an image: one annotation for each, read back by pycocotools and by filling."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_bank import entry
from test_export_formats import filled

from anogen.bank.bank import Bank
from anogen.bank.export.export import export
from anogen.bank.export.yolo import joined, outlines
from anogen.bank.instances import instances
from anogen.bank.review import correct
from anogen.placement.box import Box

HEIGHT, WIDTH = 24, 40
LEFT, RIGHT = Box(2, 2, 12, 14), Box(22, 4, 36, 20)


def empty() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), bool)


def two_defects() -> tuple[np.ndarray, np.ndarray]:
    """In the left box two pieces, one with a hole; in the right box one, and a piece beside it."""
    left, right = empty(), empty()
    left[3:8, 3:8] = True
    left[5, 5] = False
    left[10:12, 9:11] = True
    right[6:18, 24:28] = True
    right[21:23, 37:39] = True  # outside, and nearer to the right box
    return left, right


def test_each_box_gets_its_part_and_what_is_outside_goes_to_the_nearest() -> None:
    left, right = two_defects()
    first, second = instances(left | right, [LEFT, RIGHT])
    np.testing.assert_array_equal(first, left)
    np.testing.assert_array_equal(second, right)
    # The order is the boxes', not the image's.
    np.testing.assert_array_equal(instances(left | right, [RIGHT, LEFT])[0], right)


def test_a_part_that_reaches_out_of_its_box_stays_whole() -> None:
    mask = empty()
    mask[8, 10:21] = True  # from within the left box to a pixel before the right one
    (only,) = instances(mask, [LEFT, RIGHT])
    np.testing.assert_array_equal(only, mask)


def test_a_part_through_two_boxes_is_shared_out_by_pixel() -> None:
    mask = empty()
    mask[8, 10:24] = True
    first, second = instances(mask, [LEFT, RIGHT])
    # Left ends with column 11, right starts with 22: to column 16 the left one is nearer.
    assert np.flatnonzero(first[8]).tolist() == list(range(10, 17))
    assert np.flatnonzero(second[8]).tolist() == list(range(17, 24))


def test_one_box_keeps_all_and_random_masks_are_never_lost_or_doubled() -> None:
    rng = np.random.default_rng(3)
    for boxes in ([], [LEFT], [LEFT, RIGHT], [LEFT, RIGHT, Box(14, 18, 18, 22)]):
        mask = rng.random((HEIGHT, WIDTH)) > 0.7
        found = instances(mask, boxes)
        assert len(found) == max(1, len(boxes))
        np.testing.assert_array_equal(np.sum(found, axis=0), mask)


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """An image with two defects, and one with one defect of several pieces."""
    left, right = two_defects()
    bank = Bank(tmp_path / "bank")
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    boxes = [box.as_list() for box in (LEFT, RIGHT)]
    around = [0, 0, WIDTH, HEIGHT]
    bank.add(entry("a", box=around, boxes=boxes), image, (left | right).astype(np.float32))
    bank.add(entry("b", box=around), image, (left | right).astype(np.float32))
    return bank


def test_coco_has_an_annotation_for_each_defect(bank: Bank, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    out = tmp_path / "out"
    export([bank], "coco", out, dataset=tmp_path)
    read = coco.COCO(str(out / "annotations.json"))
    assert sorted(read.getAnnIds()) == [1, 2, 3]
    of_file = {i["file_name"]: i["id"] for i in read.loadImgs(read.getImgIds())}
    left, right = two_defects()
    first, second = read.loadAnns(read.getAnnIds(imgIds=[of_file["images/a.png"]]))
    for annotation, expected, box in (
        (first, left, [3, 3, 8, 9]),
        (second, right, [24, 6, 15, 17]),
    ):
        np.testing.assert_array_equal(read.annToMask(annotation), expected)
        assert annotation["bbox"] == box
        assert annotation["area"] == expected.sum()
    (only,) = read.loadAnns(read.getAnnIds(imgIds=[of_file["images/b.png"]]))
    np.testing.assert_array_equal(read.annToMask(only), left | right)


def test_a_defect_that_a_reviewer_erased_is_no_object(bank: Bank, tmp_path: Path) -> None:
    _, right = two_defects()
    correct(bank, "a", right.astype(np.uint8) * 255, time="2026-01-31T12:00:00Z")
    export([bank], "coco", tmp_path / "out", dataset=tmp_path)
    annotations = json.loads((tmp_path / "out/annotations.json").read_text())["annotations"]
    assert [(a["image_id"], a["bbox"][0]) for a in annotations] == [(1, 24), (2, 3)]


def shoelace(outline: np.ndarray) -> float:
    x, y = outline.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def test_yolo_has_a_line_for_each_defect(bank: Bank, tmp_path: Path) -> None:
    export([bank], "yolo", tmp_path / "out", dataset=tmp_path)
    left, right = two_defects()
    left[5, 5] = True  # outlines have no holes
    for name, expected in (("a", [left, right]), ("b", [left | right])):
        lines = (tmp_path / f"out/labels/train/{name}.txt").read_text().splitlines()
        assert len(lines) == len(expected)
        for line, mask in zip(lines, expected, strict=True):
            assert line.split()[0] == "0"
            points = np.array(line.split()[1:], float).reshape(-1, 2) * [WIDTH, HEIGHT]
            np.testing.assert_array_equal(filled([points], HEIGHT, WIDTH), mask)


def test_bridges_have_no_area_and_take_the_shortest_way() -> None:
    rng = np.random.default_rng(5)
    mask = rng.random((HEIGHT, WIDTH)) > 0.8
    parts = outlines(mask)
    assert len(parts) > 5
    whole = joined(parts)
    # All parts run the same way around, so their areas add up; a bridge adds and takes the same.
    assert shoelace(whole) == pytest.approx(sum(shoelace(part) for part in parts))
    square, ten = np.array([[0.0, 0], [0, 2], [2, 2], [2, 0]]), np.array([10, 0])
    bridged = joined([square, square + 2 * ten, square + ten])
    steps = np.abs(np.diff(bridged, axis=0)).sum(axis=1)
    # By hand: four bridges, each of 8 there and back between neighbours, none over the middle.
    assert sorted(steps)[-4:] == [8, 8, 8, 8]
    assert steps.max() == 8
