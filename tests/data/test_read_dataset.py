import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from anogen.data.dataset import read_dataset, scan
from anogen.data.sample import Category
from anogen.errors import InputError

Write = Callable[..., Path]


def _keys(category: Category, label: str) -> list[str]:
    return [sample.key for sample in category.test if sample.label == label]


def test_mvtec_layout(mvtec: Path) -> None:
    (category,) = read_dataset(mvtec)
    assert category.name == "screw"
    assert category.root == mvtec
    assert [s.key for s in category.train] == [f"screw/train/good/{i:03d}.png" for i in range(3)]
    assert {s.split for s in category.train} == {"train"}
    assert {s.split for s in category.test} == {"test"}
    assert category.defects == ("bent", "crack", "odd")
    assert _keys(category, "good") == ["screw/test/good/000.png", "screw/test/good/001.png"]
    for sample in category.test:
        stem = sample.image.stem
        expected = {
            "bent": mvtec / f"screw/ground_truth/bent/{stem}_mask.png",
            "crack": mvtec / f"screw/ground_truth/crack/{stem}.png",
        }.get(sample.label)
        assert sample.mask == expected
        assert sample.image == mvtec / sample.key
        assert sample.image.is_file()
    assert [s.key for s in category.test] == sorted(s.key for s in category.test)
    _, findings = scan(mvtec)
    assert [notice.split(":")[0] for notice in findings.notices] == ["screw/test/odd"]


def test_the_root_may_be_a_category_itself(mvtec: Path) -> None:
    (outer,) = read_dataset(mvtec)
    (inner,) = read_dataset(mvtec / "screw")
    assert inner.name == "screw"
    assert inner.root == mvtec / "screw"
    assert [f"screw/{s.key}" for s in inner.test] == [s.key for s in outer.test]


@pytest.fixture
def plain(write: Write, tmp_path: Path) -> Path:
    for i in range(30):
        write(f"good/Bild {i} (neu).JPG", i)
    for i in range(3):
        write(f"defects/scratch/s{i}.bmp", 100 + i)
        write(f"masks/scratch/s{i}_mask.png", mask=True)
    return tmp_path


def test_folder_layout_holds_out_a_fifth_that_does_not_depend_on_the_place(
    plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (category,) = read_dataset(plain)
    out = _keys(category, "good")
    assert len(category.train) + len(out) == 30
    assert 1 <= len(out) <= 12
    assert category.defects == ("scratch",)
    assert all(sample.mask is not None for sample in category.of("scratch"))
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "product"
    shutil.copytree(plain, elsewhere)
    (moved,) = read_dataset(elsewhere.parent)
    assert _keys(moved, "good") == [f"product/{key}" for key in out]


def test_folder_layout_with_its_own_good_test(plain: Path, write: Write) -> None:
    write("good_test/x.png")
    (category,) = read_dataset(plain)
    assert len(category.train) == 30
    assert _keys(category, "good") == ["good_test/x.png"]


def test_a_group_is_never_split(plain: Path) -> None:
    rows = [f"good/Bild {i} (neu).JPG\tpart{i // 6}" for i in range(30)]
    (plain / "groups.tsv").write_text("\n".join(["file\tgroup", *rows]))
    (category,) = read_dataset(plain)
    out = {sample.group for sample in category.test if sample.is_good}
    assert out
    assert not out & {sample.group for sample in category.train}


def test_only_named_categories_and_defects_are_looked_at(mvtec: Path, write: Write) -> None:
    write("broken/train/good/000.png")
    write("broken/test/bent/000.png")
    write("broken/ground_truth/bent/111.png", mask=True)
    (mvtec / "screw/ground_truth/crack/000.png").unlink()
    _, findings = scan(mvtec)
    assert len(findings.problems) == 3
    (category,) = read_dataset(mvtec, categories=["screw"], defects=["bent"])
    assert category.defects == ("bent",)
    assert len(_keys(category, "good")) == 2


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"categories": ["nut", "screw"]}, r"no category nut; known are: screw\."),
        ({"defects": ["dent", "bent"]}, r"no defect type dent; known are: bent, crack, odd\."),
        ({"layout": "coco"}, r"unknown layout 'coco'; known are: mvtec, folder\."),
        ({"layout": "folder"}, r"the folders have the layout mvtec, not folder"),
    ],
)
def test_unknown_names_list_the_known(mvtec: Path, wanted: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_dataset(mvtec, **wanted)  # type: ignore[arg-type]


def test_no_dataset(tmp_path: Path, write: Write) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_dataset(tmp_path / "nowhere")
    image = write("pictures/a.png")
    with pytest.raises(InputError, match=r"no dataset in a known layout.*found pictures\."):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        read_dataset(image)


def test_two_layouts_at_once_need_a_choice(mvtec: Path, write: Write) -> None:
    write("screw/good/a.png")
    write("screw/defects/dent/a.png")
    with pytest.raises(InputError, match="fit the layouts mvtec and folder; choose one"):
        read_dataset(mvtec)
    assert read_dataset(mvtec, layout="mvtec")[0].defects == ("bent", "crack", "odd")
    assert read_dataset(mvtec, layout="folder")[0].defects == ("dent",)


def test_litter_is_passed_over_and_strangers_are_named(mvtec: Path, write: Write) -> None:
    before = scan(mvtec)[1].notices
    folder = mvtec / "screw/test/bent"
    for name in ("Thumbs.db", ".DS_Store", "._000.png", "readme.txt", "labels.json", "a.tsv"):
        (folder / name).write_text("x")
    (mvtec / ".git").mkdir()
    categories, findings = scan(mvtec)
    assert findings.notices == before
    assert len(categories[0].of("bent")) == 4
    for name in ("a.webp", "b.WEBP", "c.npy"):
        (folder / name).write_text("x")
    write("screw/test/bent/old/000.png")
    (mvtec / "screw/labels").mkdir()
    (mvtec / "notes").mkdir()
    assert sorted(set(scan(mvtec)[1].notices) - set(before)) == [
        "notes: not a category (expected CATEGORY/{train/good, test/good, test/DEFECT, "
        "ground_truth/DEFECT}); ignored.",
        "screw/labels: no part of this layout; ignored.",
        "screw/test/bent/old: a folder inside a folder of images; ignored.",
        "screw/test/bent: 1 .npy file ignored; images are PNG, JPEG, BMP or TIFF.",
        "screw/test/bent: 2 .webp files ignored; images are PNG, JPEG, BMP or TIFF.",
    ]


def test_all_black_masks_of_good_images_are_no_defect(mvtec: Path, write: Write) -> None:
    write("screw/ground_truth/good/000_mask.png")
    assert read_dataset(mvtec)[0].defects == ("bent", "crack", "odd")


def test_links_may_not_leave_the_dataset(
    mvtec: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    shutil.copy(mvtec / "screw/train/good/000.png", outside)
    (mvtec / "screw/train/good/within.png").symlink_to(mvtec / "screw/test/odd/000.png")
    assert len(read_dataset(mvtec)[0].train) == 4
    (mvtec / "screw/train/good/link.png").symlink_to(outside)
    with pytest.raises(InputError, match=r"^screw/train/good/link\.png: the path leaves"):
        read_dataset(mvtec)


def test_a_name_that_is_no_text_is_a_problem(mvtec: Path) -> None:
    broken = os.fsencode(mvtec / "screw/train/good") + b"/a\xff.png"
    try:
        Path(os.fsdecode(broken)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(InputError, match=r"^screw/train/good/a\?\.png: .* no valid UTF-8"):
        read_dataset(mvtec)


def test_a_name_with_a_backslash_is_a_problem(mvtec: Path) -> None:
    try:
        (mvtec / "screw/train/good/a\\b.png").write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no backslash")
    with pytest.raises(InputError, match=r"a\\b\.png: a name with a backslash"):
        read_dataset(mvtec)
