"""Where a run's defects go: sizes, masks that people drew, and what is cut off."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anogen.data.dataset import read_dataset
from anogen.data.images import write_png
from anogen.data.support import draw_support
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.material import check_dataset, supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import Planned, plan
from anogen.synthesis.contract import Image


def places_of(root: Path, *overrides: str) -> tuple[Places, list]:
    settings = resolve("quick", {"dataset": {"root": str(root)}}, overrides=overrides)
    (category,) = read_dataset(root)
    support = draw_support(category, shots=3, seed=0, listing=None, official=False)
    supports = {defect: supports_of(samples) for defect, samples in support.shots.items()}
    items = plan(category, sorted(supports), settings.bank, seed=0)
    return Places(category, supports, settings), items


@pytest.fixture()
def drawn(small_dataset: Path, tmp_path: Path) -> Path:
    """The small dataset with masks that people drew: a region for spots, one for lines."""
    root = tmp_path / "dataset"
    shutil.copytree(small_dataset, root)
    for defect, rows in (("spot", slice(0, 30)), ("line", slice(30, 64))):
        mask = np.zeros((64, 64), bool)
        mask[rows] = True
        write_png(root / "rules" / f"plate-{defect}.png", mask)
    corner = np.zeros((64, 64), bool)
    corner[:, :20] = True
    write_png(root / "rules" / "corner.png", corner)
    return root


def test_samples_of_a_spot_share_their_place(small_dataset: Path) -> None:
    places, items = places_of(small_dataset)
    _, one = places.place(items[0], 0)
    _, same = places.place(replace(items[0], sample=1), 0)
    _, moved = places.place(items[0], 1)
    assert len(one) == 1
    assert one[0].box == same[0].box
    assert np.array_equal(one[0].shape, same[0].shape)
    assert one[0].box != moved[0].box


def test_each_defect_has_its_own_legal_region(drawn: Path) -> None:
    places, items = places_of(drawn, "placement.legal=rules/{category}-{defect}.png")
    for item in items:
        _, (place,) = places.place(item, 0)
        assert place.box.y1 <= 30 if item.defect == "spot" else place.box.y0 >= 30


def test_nothing_is_drawn_in_the_forbidden_region(drawn: Path) -> None:
    places, items = places_of(drawn, "placement.forbidden=rules/corner.png")
    for item in items:
        _, (place,) = places.place(item, 0)
        assert place.box.x0 >= 20


def test_several_regions_are_apart(small_dataset: Path) -> None:
    places, items = places_of(small_dataset, "placement.defects=2")
    for item in items[:6]:
        _, (one, other) = places.place(item, 0)
        count = one.box.mask(64, 64).astype(int) + other.box.mask(64, 64)
        assert count.max() == 1


def test_a_missing_table_entry_is_said_at_once(small_dataset: Path) -> None:
    with pytest.raises(InputError, match="it has no plate"):
        places_of(small_dataset, "placement.sizes=official")


def test_masks_of_another_size_are_refused(drawn: Path) -> None:
    write_png(drawn / "rules" / "corner.png", np.ones((10, 10), bool))
    places, items = places_of(drawn, "placement.legal=rules/corner.png")
    with pytest.raises(InputError, match=r"rules/corner.png is 10x10 pixels, the good image plate"):
        places.place(items[0], 0)


@pytest.mark.parametrize(
    ("rule", "corner", "sentence"),
    [
        ("legal", np.ones((10, 10), bool), "placement.legal: rules/corner.png is 10x10 pixels"),
        ("forbidden", np.ones((9, 10), bool), "rules/corner.png is 10x9 pixels, the good image"),
        ("legal", np.zeros((64, 64), bool), "placement.legal: rules/corner.png is black"),
        ("forbidden", np.zeros((64, 64), bool), None),
    ],
)
def test_drawn_regions_are_looked_at_before_any_work(
    drawn: Path, tmp_path: Path, rule: str, corner: np.ndarray, sentence: str | None
) -> None:
    write_png(drawn / "rules" / "corner.png", corner)
    given = {"dataset": {"root": str(drawn)}, "placement": {rule: "rules/corner.png"}}
    run = RunFolder(tmp_path / "run", resolve("quick", given))
    if sentence is None:
        check_dataset(run)
        return
    with pytest.raises(InputError) as caught:
        check_dataset(run)
    assert sentence in str(caught.value)


def test_a_median_of_unlike_shapes_is_refused_before_any_work(
    small_dataset: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(small_dataset, tmp_path / "data")
    write_png(root / "plate/train/good/003.png", np.full((64, 80), 128, np.uint8))
    given = {"dataset": {"root": str(root)}, "placement": {"foreground": "median"}}
    run = RunFolder(tmp_path / "run", resolve("quick", given))
    with pytest.raises(InputError, match=r"median: .* plate/train/good/003.png are not; use otsu"):
        check_dataset(run)


def test_the_object_is_found_once_for_equal_pixels(
    small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, items = places_of(small_dataset, "placement.foreground=otsu")
    normal = places.normal(items[0])
    first = places.object(normal)

    def never(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr("anogen.study.stages.places.foreground", never)
    assert np.array_equal(places.object(normal.copy()), first)
    with pytest.raises(LookupError):
        places.object(normal[:, ::-1])


def test_the_normals_of_a_batch_are_read_once_and_no_more_are_remembered(
    small_dataset: Path,
) -> None:
    places, items = places_of(small_dataset, "synthesis.batch_size=2", "placement.foreground=otsu")
    spots = [item for item in items if item.defect == "spot"][:3]
    read: list[str] = []
    normal = places.normal

    def counted(item: Planned) -> Image:
        read.append(item.normal.key)
        return normal(item)

    places.normal = counted  # type: ignore[method-assign]
    for number in (0, 1, 0, 2, 0, 1):
        good, (place,) = places.place(spots[number], number)
        assert place.within(Box(0, 0, 64, 64)).shape == good.object.shape == (64, 64)
        assert np.array_equal(good.image, normal(spots[number]))
        assert np.array_equal(good.object, places.object(good.image))
    # The second was looked at least lately when the third came.
    assert read == [spots[number].normal.key for number in (0, 1, 2, 1)]


def test_what_is_known_of_a_normal_is_found_once_for_a_defect(small_dataset: Path) -> None:
    places, items = places_of(small_dataset)
    of_one = {item.defect: item for item in items if item.normal.key == items[0].normal.key}
    assert set(of_one) == {"spot", "line"}
    grounds = {defect: places.ground(item) for defect, item in of_one.items()}
    assert grounds["spot"] is not grounds["line"]
    assert grounds["spot"].object is grounds["line"].object
    assert places.ground(of_one["spot"]) is grounds["spot"]
