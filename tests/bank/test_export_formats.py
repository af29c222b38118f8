"""Exports: read back by our own reader, by pycocotools, and by filling outlines."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_bank import entry

from anogen.bank.bank import Bank
from anogen.bank.export.coco import run_lengths
from anogen.bank.export.export import FORMATS, export
from anogen.bank.export.yolo import label, outlines
from anogen.bank.review import correct, decide
from anogen.data.dataset import read_dataset
from anogen.data.images import read_image, write_png
from anogen.data.validation import validate
from anogen.errors import InputError
from anogen.files import sha256_of

TIME = "2026-01-31T12:00:00Z"
HEIGHT, WIDTH = 24, 30


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def drawn(number: int) -> np.ndarray:
    """A mask with two parts, a hole, and a line of one pixel."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[2:9, 3 + number : 10 + number] = 1
    mask[4:6, 5 + number : 7 + number] = 0
    mask[12:20, 20] = 0.6
    return mask


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Good images of two products."""
    rng = np.random.default_rng(0)
    for product in ("tile", "cap"):
        for number in range(2):
            image = rng.integers(256, size=(HEIGHT, WIDTH, 3)).astype(np.uint8)
            write_png(tmp_path / f"data/{product}/train/good/{number}.png", image)
    return tmp_path / "data"


@pytest.fixture
def banks(tmp_path: Path, dataset: Path) -> list[Bank]:
    """Two products; an image each that the gate, and one that a reviewer rejected."""
    banks = []
    for product in ("cap", "tile"):
        bank = Bank(tmp_path / f"bank/{product}")
        for number, defect in enumerate(("crack", "dent", "crack", "dent")):
            normal = f"{product}/train/good/{number % 2}.png"
            changes = {"category": product, "defect": defect, "box": [0, 0, WIDTH, HEIGHT]}
            changes |= {"normal": normal, "normal_sha256": sha256_of(dataset / normal)}
            if number == 3:
                changes |= {"decision": "rejected", "reason": "too faint"}
            image = read_image(dataset / normal).copy()
            image[drawn(number) > 0] //= 2
            bank.add(entry(f"{defect}-{number}", **changes), image, drawn(number))
        decide(bank, "crack-2", "rejected", time=TIME)
        banks.append(bank)
    return banks


@pytest.mark.parametrize("kind", FORMATS)
def test_every_export_says_what_it_is_and_leaves_out_what_was_rejected(
    kind: str, banks: list[Bank], dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert export(banks, kind, out, dataset=dataset, licence="CC BY 4.0, me") == 4
    card = (out / "README.md").read_text()
    assert "**synthetic**" in card
    assert "CC BY 4.0, me" in card
    assert "| tile | crack | 1 |" in card
    with (out / "origin.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["category"], r["defect"]) for r in rows] == [
        ("cap", "crack"),
        ("cap", "dent"),
        ("tile", "crack"),
        ("tile", "dent"),
    ]
    for bank, row in zip((banks[0], banks[0], banks[1], banks[1]), rows, strict=True):
        source = bank.manifest[f"{row['defect']}-{int(row['defect'] == 'dent')}"]
        assert (row["normal"], row["normal_sha256"]) == (source.normal, source.normal_sha256)
        assert (row["seed"], row["accepted_by"], row["mask"]) == ("1", "gate", "drawn")
        np.testing.assert_array_equal(read_image(out / row["file"]), bank.image(source))
    left = [path for path in content(out) if path.endswith(".png") and "train/good" not in path]
    # In every format an image, in three of them a mask file beside it.
    assert len(left) == {"mvtec": 8, "masks": 8, "coco": 4, "yolo": 4}[kind]
    assert not list(tmp_path.glob(".*"))
    again = tmp_path / "again"
    export(banks, kind, again, dataset=dataset, licence="CC BY 4.0, me")
    assert content(again) == content(out)


def test_mvtec_is_a_dataset_for_our_own_reader(
    banks: list[Bank], dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export(banks, "mvtec", out, dataset=dataset)
    outcome = validate(out, shots=1)
    assert outcome.problems == []
    cap, tile = read_dataset(out)
    assert [len(c.train) for c in (cap, tile)] == [2, 2]
    assert [s.key for s in tile.test] == [
        "tile/test/crack/crack-0.png",
        "tile/test/dent/dent-1.png",
    ]
    for sample in tile.test:
        assert sample.mask is not None
        number = int(sample.key[-5])
        np.testing.assert_array_equal(read_image(sample.mask) == 255, drawn(number) >= 0.5)
    good = "tile/train/good/1.png"
    assert (out / good).read_bytes() == (dataset / good).read_bytes()


def test_mvtec_wants_the_normals_that_were_drawn_on(
    banks: list[Bank], dataset: Path, tmp_path: Path
) -> None:
    write_png(dataset / "tile/train/good/0.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(InputError, match=r"0\.png: defects were drawn on it, and it has changed"):
        export(banks, "mvtec", tmp_path / "out", dataset=dataset)
    shutil.rmtree(dataset)
    with pytest.raises(InputError, match="is not there any more"):
        export(banks, "mvtec", tmp_path / "out", dataset=dataset)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))  # nothing half-made stays
    assert export(banks, "masks", tmp_path / "out", dataset=dataset) == 4


def test_coco_reads_with_pycocotools(banks: list[Bank], dataset: Path, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    out = tmp_path / "out"
    export(banks, "coco", out, dataset=dataset, licence="mine")
    read = coco.COCO(str(out / "annotations.json"))
    assert {c["name"] for c in read.loadCats(read.getCatIds())} == {
        "cap/crack",
        "cap/dent",
        "tile/crack",
        "tile/dent",
    }
    assert len(read.getImgIds()) == 4
    for annotation in read.loadAnns(read.getAnnIds()):
        image = read.loadImgs(annotation["image_id"])[0]
        number = int(image["file_name"][-5])
        expected = drawn(number) >= 0.5
        np.testing.assert_array_equal(read.annToMask(annotation), expected)
        assert annotation["area"] == expected.sum()
        # By hand: columns 3 + n to 20, rows 2 to 19.
        assert annotation["bbox"] == [3 + number, 2, 18 - number, 18]
        product = image["file_name"].split("/")[1].split("-")[0]
        name = read.loadCats(annotation["category_id"])[0]["name"]
        assert name == f"{product}/{('crack', 'dent')[number]}"
    assert json.loads((out / "annotations.json").read_text())["licenses"][0]["name"] == "mine"


def test_run_lengths_by_hand() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert run_lengths(mask) == [2, 3, 1]
    assert run_lengths(~mask) == [0, 2, 3, 1]
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]


def filled(parts: list[np.ndarray], height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Pixels whose centres lie within an outline: an odd number of its edges lie to the right."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    found = np.zeros((height, width), bool)
    for part in parts:
        for (x0, y0), (x1, y1) in zip(part, np.roll(part, -1, axis=0), strict=True):
            if y0 != y1:
                passed = (y0 > rows) != (y1 > rows)
                found ^= passed & (columns < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return found


def test_outlines_hold_exactly_the_parts_of_a_mask() -> None:
    rng = np.random.default_rng(1)
    for number in range(3):
        mask = drawn(number) > 0
        mask[4:6, 5 + number : 7 + number] = True  # without its hole
        if number:
            mask[10:12, :] |= rng.random((2, WIDTH)) > 0.5
        np.testing.assert_array_equal(filled(outlines(mask)), mask)
    dot = np.zeros((HEIGHT, WIDTH), bool)
    dot[23, 29] = True
    np.testing.assert_array_equal(filled(outlines(dot)), dot)
    assert len(outlines(drawn(0) > 0)) == 2


def test_yolo_labels_read_back(banks: list[Bank], dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(banks[:1], "yolo", out, dataset=dataset)
    data = yaml.safe_load((out / "data.yaml").read_text())
    assert data["names"] == {0: "crack", 1: "dent"}
    for number in range(2):
        stem = f"{('crack', 'dent')[number]}-{number}"
        assert (out / data["train"] / f"{stem}.png").is_file()
        lines = (out / "labels/train" / f"{stem}.txt").read_text().splitlines()
        assert [line.split()[0] for line in lines] == [str(number)]  # one defect of two parts
        points = [np.array(line.split()[1:], float).reshape(-1, 2) for line in lines]
        assert all(((p >= 0) & (p <= 1)).all() for p in points)
        expected = drawn(number) > 0
        expected[4:6, 5 + number : 7 + number] = True
        read = filled([p * [WIDTH, HEIGHT] for p in points])
        np.testing.assert_array_equal(read, expected)
    square = np.zeros((2, 4), bool)
    square[1, 2] = True
    x0, x1, y0, y1 = (2 + 1 / 6) / 4, (2 + 5 / 6) / 4, (1 + 1 / 6) / 2, (1 + 5 / 6) / 2
    assert label([square], 7).startswith(f"7 {x0:.6f} {y0:.6f} ")
    assert {f"{x1:.6f}", f"{y1:.6f}"} < set(label([square], 7).split())


def test_masks_keep_their_soft_values(banks: list[Bank], dataset: Path, tmp_path: Path) -> None:
    export(banks[:1], "masks", tmp_path / "out", dataset=dataset)
    mask = read_image(tmp_path / "out/masks/crack-0.png")
    np.testing.assert_array_equal(mask, np.rint(drawn(0) * 255))


def test_a_reviewers_mask_and_word_are_exported(
    banks: list[Bank], dataset: Path, tmp_path: Path
) -> None:
    (bank, _) = banks
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:22, 1:4] = 255
    correct(bank, "dent-3", mask, time=TIME)
    decide(bank, "dent-3", "accepted", time=TIME)
    out = tmp_path / "out"
    assert export([bank], "mvtec", out, dataset=dataset) == 3
    truth = read_image(out / "cap/ground_truth/dent/dent-3_mask.png")
    np.testing.assert_array_equal(truth, mask)
    with (out / "origin.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == ["1", "20", "4", "22"]
    assert (row["accepted_by"], row["reviewed"]) == ("reviewer", TIME)
    assert row["mask"] == "corrected by a reviewer"
    assert "not stated" in (out / "README.md").read_text()


def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    banks: list[Bank], dataset: Path, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("precious")
    for kind, out, words in (
        ("voc", tmp_path / "out", "unknown format 'voc'; known are: mvtec, coco, yolo, masks"),
        ("coco", full, "full: is not an empty folder; name a new one"),
        ("coco", full / "mine.txt", "is not an empty folder"),
        ("coco", full / "mine.txt" / "x", "no folder can be made there"),
    ):
        with pytest.raises(InputError, match=words):
            export(banks, kind, out, dataset=dataset)
    assert content(full) == {"mine.txt": b"precious"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export(banks, "coco", empty, dataset=dataset) == 4
    for name in ("crack-0", "dent-1"):
        decide(banks[0], name, "rejected", time=TIME)
    with pytest.raises(InputError, match="no image is accepted, so there is nothing to export"):
        export(banks[:1], "coco", tmp_path / "none", dataset=dataset)


def test_a_name_in_a_manifest_cannot_leave_the_export(dataset: Path, tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    evil = {"defect": "../../../escaped", "box": [0, 0, WIDTH, HEIGHT]}
    bank.add(entry("x", **evil), np.zeros((HEIGHT, WIDTH), np.uint8), drawn(0))
    with pytest.raises(InputError, match="leaves"):
        export([bank], "mvtec", tmp_path / "a/b/out", dataset=dataset)
    assert not list(tmp_path.rglob("escaped*"))


def test_an_accepted_image_without_a_mask_is_named(dataset: Path, tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    bank.add(entry("x", mask=None), np.zeros((HEIGHT, WIDTH), np.uint8), None)
    with pytest.raises(InputError, match="x is accepted and has no mask"):
        export([bank], "coco", tmp_path / "out", dataset=dataset)
    assert not (tmp_path / "out").exists()
