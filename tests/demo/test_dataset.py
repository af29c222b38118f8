import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from anogen.demo import prepare
from anogen.demo.outlines import support_cells
from anogen.errors import InputError

SUPPORT = {outline.image: outline.defect for outline in support_cells()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def forget_package(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "elpv_dataset"]:
        monkeypatch.delitem(sys.modules, module)


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """A small package of the same shape as elpv-dataset in front of a real one; its labels."""
    forget_package(monkeypatch)
    package = tmp_path / "packages" / "elpv_dataset"
    (package / "data" / "images").mkdir(parents=True)
    (package / "__init__.py").touch()
    labels = dict.fromkeys(SUPPORT, (1.0, "mono"))
    labels |= {f"cell9{i:03}.png": (0.0, "mono") for i in range(20)}
    labels |= {f"cell8{i:03}.png": (1.0, "mono") for i in range(10)}
    labels |= {"cell7000.png": (1 / 3, "mono"), "cell7001.png": (2 / 3, "mono")}
    labels |= {"cell6000.png": (0.0, "poly"), "cell6001.png": (1.0, "poly")}
    rows = [f"images/{name}  {p}  {kind}" for name, (p, kind) in labels.items()]
    (package / "data" / "labels.csv").write_text("\n".join(rows) + "\n")
    for name in labels:
        (package / "data" / "images" / name).write_bytes(name.encode())
    monkeypatch.syspath_prepend(package.parent)
    yield labels
    sys.modules.pop("elpv_dataset", None)


def test_every_cell_lies_where_its_label_says(tmp_path, labels):
    root = prepare(tmp_path / "cells", train_good=12, test_good=5, test_defective=7)
    train, held_out = names(root / "good"), names(root / "good_test")
    assert (len(train), len(held_out)) == (12, 5)
    assert not set(train) & set(held_out)
    assert {labels[name] for name in train + held_out} == {(0.0, "mono")}
    defective = names(root / "defects" / "defective")
    assert len(defective) == 7
    assert {labels[name] for name in defective} == {(1.0, "mono")}
    assert not set(defective) & set(SUPPORT)
    assert not (root / "masks" / "defective").exists()


def test_images_are_the_package_s_bytes_and_masks_the_outlines(tmp_path, labels):
    root = prepare(tmp_path / "cells")
    assert len(names(root / "good")) == len(
        [name for name, label in labels.items() if label == (0.0, "mono")]
    )
    for name, defect in SUPPORT.items():
        assert (root / "defects" / defect / name).read_bytes() == name.encode()
        mask = cv2.imread(str(root / "masks" / defect / name), cv2.IMREAD_UNCHANGED)
        outline = next(outline for outline in support_cells() if outline.image == name)
        np.testing.assert_array_equal(mask, outline.mask(300, 300))


@pytest.mark.usefixtures("labels")
def test_a_draw_does_not_depend_on_the_other_counts(tmp_path):
    few = prepare(tmp_path / "few", train_good=4, test_good=2, test_defective=3)
    more = prepare(tmp_path / "more", train_good=8, test_good=2, test_defective=6)
    assert set(names(few / "good")) < set(names(more / "good"))
    assert set(names(few / "defects" / "defective")) < set(names(more / "defects" / "defective"))


@pytest.mark.usefixtures("labels")
def test_a_finished_dataset_is_kept_and_another_choice_replaces_it(tmp_path):
    root = prepare(tmp_path / "cells", train_good=4)
    inode = root.stat().st_ino
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert prepare(root, train_good=4) == root
    assert (root.stat().st_ino, {p: p.stat().st_mtime_ns for p in root.rglob("*")}) == (
        inode,
        before,
    )
    prepare(root, train_good=6)
    assert len(names(root / "good")) == 6
    assert names(tmp_path) == ["cells", "packages"]


@pytest.mark.usefixtures("labels")
def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="not a dataset that the demo wrote"):
        prepare(tmp_path / "cells")
    assert names(tmp_path / "cells") == ["diary.txt"]


@pytest.mark.usefixtures("labels")
def test_a_failure_midway_leaves_nothing_behind(tmp_path):
    package = tmp_path / "packages" / "elpv_dataset" / "data"
    rows = (package / "labels.csv").read_text().splitlines()
    (package / "labels.csv").write_text("\n".join(r for r in rows if "cell0005" not in r))
    with pytest.raises(InputError, match=r"cell0005\.png: a support cell"):
        prepare(tmp_path / "cells")
    assert names(tmp_path) == ["packages"]


@pytest.mark.usefixtures("labels")
@pytest.mark.parametrize("content", ["images/cell0001.png  often  mono\n", "one\n"])
def test_a_list_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "packages" / "elpv_dataset" / "data" / "labels.csv").write_text(content)
    with pytest.raises(InputError, match="cannot be read"):
        prepare(tmp_path / "cells")


def test_a_missing_package_is_answered_with_the_command(tmp_path, monkeypatch):
    forget_package(monkeypatch)
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    with pytest.raises(InputError, match=r"pip install 'anogen\[demo\]'"):
        prepare(tmp_path / "cells")


def test_the_real_photographs(tmp_path, monkeypatch):
    forget_package(monkeypatch)
    pytest.importorskip("elpv_dataset")
    root = prepare(tmp_path / "cells", train_good=3, test_good=2, test_defective=1)
    for outline in support_cells():
        cell = cv2.imread(str(root / "defects" / outline.defect / outline.image), 0)
        mask = outline.mask(300, 300) > 0
        assert cell.shape == mask.shape
        # A defect emits less light than the cell just around it.
        around = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > mask
        assert np.median(cell[mask]) < 0.95 * np.median(cell[around])


def test_what_answers_that_see_no_defect_score_is_told_truly(tmp_path, monkeypatch):
    forget_package(monkeypatch)
    pytest.importorskip("elpv_dataset")
    root = prepare(tmp_path / "cells")
    functional = sorted((root / "good_test").iterdir())
    defective = sorted((root / "defects" / "defective").iterdir())
    label = [0] * len(functional) + [1] * len(defective)
    files = functional + defective
    brightness = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).mean() for file in files]
    early = [int(file.stem.removeprefix("cell")) <= 540 for file in files]
    assert round(roc_auc_score(label, -np.array(brightness)), 2) == 0.76
    assert round(roc_auc_score(label, early), 2) == 0.79
