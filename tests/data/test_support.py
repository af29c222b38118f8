import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anogen.data.dataset import read_dataset
from anogen.data.official_support import OFFICIAL_SUPPORT
from anogen.data.sample import GOOD, Category, Sample
from anogen.data.support import draw_support, evaluation_samples, learned_and_tested
from anogen.errors import InputError


def _category(
    defects: dict[str, Sequence[str | None]], *, good: Sequence[str | None] = (), masks: bool = True
) -> Category:
    """A category in memory; each defect and the held-out good images by their groups."""
    root = Path("/data")

    def sample(label: str, number: int, group: str | None) -> Sample:
        key = f"screw/test/{label}/{number:03d}.png"
        mask = root / "mask.png" if masks and label != GOOD else None
        return Sample(key, root / key, label, mask, "test", group)

    test = [
        sample(label, number, group)
        for label, groups in {**defects, GOOD: good}.items()
        for number, group in enumerate(groups)
    ]
    return Category("screw", root, (), tuple(sorted(test, key=lambda item: item.key)))


MANY = _category({"bent": [None] * 20, "crack": [None] * 20}, good=[None] * 5)


def test_k_shots_by_seed() -> None:
    support = draw_support(MANY, shots=3, seed=5)
    assert support == draw_support(MANY, shots=3, seed=5)
    for defect, shots in support.shots.items():
        assert len({shot.key for shot in shots}) == 3
        assert {shot.label for shot in shots} == {defect}
        assert list(shots) == sorted(shots, key=lambda shot: shot.key)
    assert support.excluded == {shot.key for shots in support.shots.values() for shot in shots}
    draws = [draw_support(MANY, shots=3, seed=seed).shots["bent"] for seed in range(60)]
    assert len(set(draws)) > 50  # of 1140 possible ones
    assert {shot for draw in draws for shot in draw} == set(MANY.of("bent"))
    assert [shot.image.name for shot in support.shots["bent"]] != [
        shot.image.name for shot in support.shots["crack"]
    ]


def test_more_shots_keep_the_fewer_and_other_defects_change_nothing() -> None:
    three, five = draw_support(MANY, shots=3), draw_support(MANY, shots=5)
    assert set(three.shots["bent"]) < set(five.shots["bent"])
    alone = _category({"bent": [None] * 20})
    assert [s.key for s in draw_support(alone).shots["bent"]] == [
        s.key for s in three.shots["bent"]
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([None, "1", "2", "3"]), min_size=3, max_size=10), st.integers(0, 9))
def test_never_two_shots_of_a_group_and_groups_leave_the_test_set(
    groups: list[str | None], seed: int
) -> None:
    category = _category({"bent": groups, "crack": ["1", "1", "2"]}, good=["1", "2", None])
    parts = groups.count(None) + len(set(groups) - {None})
    if parts < 2:
        with pytest.raises(InputError, match="screw: bent has"):
            draw_support(category, shots=2, seed=seed)
        return
    support = draw_support(category, shots=2, seed=seed)
    taken = [shot for shots in support.shots.values() for shot in shots]
    for shots in support.shots.values():
        named = [shot.group for shot in shots if shot.group is not None]
        assert len(named) == len(set(named))
    left = evaluation_samples(category, support)
    assert not {shot.group for shot in taken if shot.group} & {sample.group for sample in left}
    assert not set(taken) & set(left)
    # Crack's two shots take the groups 1 and 2, so of the good images only the third stays.
    assert [sample.key for sample in left if sample.is_good] == ["screw/test/good/002.png"]
    assert len(left) + len(support.excluded) == len(category.test)
    assert evaluation_samples(category, support, include_support=True) == category.test


def test_too_few_masks_or_parts() -> None:
    category = _category({"bent": [None, None], "crack": ["a", "a", "b", "b"]})
    with pytest.raises(InputError) as caught:
        draw_support(category, shots=3)
    assert str(caught.value).splitlines() == [
        "screw: bent has 2 images with masks, fewer than the 3 shots; lower --shots or add masks.",
        "screw: crack has 4 images with masks of 2 different parts, fewer than the 3 shots; lower "
        "--shots or add masks.",
    ]
    with pytest.raises(InputError, match="at least 1"):
        draw_support(category, shots=0)


def test_defects_without_masks_get_no_shots() -> None:
    support = draw_support(_category({"bent": [None] * 5}, masks=False))
    assert support.shots == {}
    assert support.excluded == frozenset()


@pytest.fixture
def named(mvtec: Path) -> Callable[[str], object]:
    (category,) = read_dataset(mvtec, defects=["bent", "odd"])

    def draw(text: str) -> object:
        listing = mvtec / "shots.txt"
        listing.write_text(text)
        support = draw_support(category, listing=listing)
        return {
            defect: [shot.image.name for shot in shots] for defect, shots in support.shots.items()
        }

    return draw


def test_a_listing_names_the_shots(named: Callable[[str], object]) -> None:
    text = (
        "# my shots\n\nscrew/test/bent/002.png\n"
        "  ./screw/test/bent/000.png  # the clear one\nscrew/test/crack/001.png\n"
    )
    assert named(text) == {"bent": ["000.png", "002.png"]}
    assert named(text.replace("/", "\\")) == {"bent": ["000.png", "002.png"]}


def test_paths_of_a_listing_may_be_written_in_other_ways(
    named: Callable[[str], object], mvtec: Path
) -> None:
    (mvtec / "screw/test/bent/001.png").rename(mvtec / "screw/test/bent/1#a.png")
    text = f"{mvtec}/screw/test/bent/002.png\nscrew/test/good/../bent/000.png# no comment\n"
    with pytest.raises(InputError, match=r"000\.png# no comment: no such file"):
        named(text)
    assert named(text.replace("# no", " # a")) == {"bent": ["000.png", "002.png"]}
    with pytest.raises(InputError, match=r"line 1: .*_mask\.png: no image of a defect"):
        named("screw/ground_truth/bent/000_mask.png")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("screw/test/bent/009.png", r"line 1: screw/test/bent/009\.png: no such file"),
        ("bent/000.png", "no such file"),
        ("../x.png", "leaves"),
        ("/etc/passwd", "leaves"),
        ("\nscrew/test/good/000.png", "line 2: .*good part"),
        ("screw/train/good/000.png", "good part"),
        ("screw/test/odd/000.png", "has no mask"),
        ("screw/test/bent/000.png\nscrew/test/bent/000.png", "named twice"),
        ("# nothing", "no shot of screw bent"),
    ],
)
def test_a_wrong_listing(named: Callable[[str], object], text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        named(text)


def test_a_listing_may_not_name_two_shots_of_a_part(mvtec: Path) -> None:
    (mvtec / "groups.tsv").write_text(
        "file\tgroup\ntest/bent/000.png\t7\ntest/bent/001.png\t7\ntest/crack/000.png\t7\n"
    )
    (category,) = read_dataset(mvtec, defects=["bent"])
    listing = mvtec / "shots.txt"
    listing.write_text("screw/test/bent/000.png\nscrew/test/bent/001.png\n")
    with pytest.raises(InputError, match=r"2 shots of screw bent show the same part \(group 7\)"):
        draw_support(category, listing=listing)
    with pytest.raises(InputError, match="not readable"):
        draw_support(category, listing=mvtec / "none.txt")
    with pytest.raises(InputError, match="not both"):
        draw_support(category, listing=listing, official=True)


def test_official_shots_go_by_number() -> None:
    names = [f"{number:03d}" for number in range(25)]
    category = _category({"thread_top": names, "scratch_head": names})
    shots = draw_support(category, official=True).shots
    # AnoGen, released training images of screw.
    assert [shot.image.name for shot in shots["thread_top"]] == ["000.png", "008.png", "014.png"]
    assert [shot.image.name for shot in shots["scratch_head"]] == ["003.png", "005.png", "016.png"]
    assert len(draw_support(category, official=True, shots=1).shots["thread_top"]) == 1


def test_official_shots_that_do_not_exist() -> None:
    with pytest.raises(InputError, match="no images of thread_top have the official number 014"):
        draw_support(_category({"thread_top": [None] * 14}), official=True)
    with pytest.raises(InputError, match="0 official support images of dent"):
        draw_support(_category({"dent": [None] * 14}), official=True)
    with pytest.raises(InputError, match="3 official support images of thread_top, fewer than"):
        draw_support(_category({"thread_top": [None] * 30}), official=True, shots=4)
    other = Category("tyre", Path("/data"), (), _category({"dent": [None]}).test)
    with pytest.raises(InputError, match=r"^tyre: no official support images; .*bottle, cable"):
        draw_support(other, official=True)


def test_the_official_table_is_whole() -> None:
    # 73 defect types in 15 categories, three images each (the authors' folder of support images).
    assert len(OFFICIAL_SUPPORT) == 15
    assert sum(map(len, OFFICIAL_SUPPORT.values())) == 73
    for category, defects in OFFICIAL_SUPPORT.items():
        for defect, numbers in defects.items():
            assert re.fullmatch("[a-z_]+", f"{category}{defect}")
            assert len(set(numbers)) == 3
            assert list(numbers) == sorted(numbers)


def test_thirds_learn_from_the_first_and_test_on_the_rest() -> None:
    category = _category({"bent": [None] * 8, "crack": [None] * 3}, good=[None] * 4)
    support = draw_support(category, split="thirds", seed=3, shots=1)
    assert [shot.image.stem for shot in support.shots["bent"]] == ["000", "001"]
    assert [shot.image.stem for shot in support.shots["crack"]] == ["000"]
    tested = evaluation_samples(category, support)
    assert len(tested) == 4 + 6 + 2
    assert learned_and_tested(support, tested) == 0
    assert draw_support(category, split="thirds") == support


def test_the_released_codes_leak_is_one_image_of_each_defect() -> None:
    category = _category({"bent": [None] * 8, "crack": [None] * 3}, good=[None] * 4)
    exact = draw_support(category, split="thirds")
    leaking = draw_support(category, split="thirds-leaking")
    assert [shot.image.stem for shot in leaking.shots["bent"]] == ["000", "001", "002"]
    assert [shot.image.stem for shot in leaking.shots["crack"]] == ["000", "001"]
    assert leaking.excluded == exact.excluded
    assert learned_and_tested(leaking, evaluation_samples(category, leaking)) == 2


def test_a_part_of_the_first_third_is_not_tested_on() -> None:
    category = _category({"bent": ["1", None, None, "1", "2", None]}, good=["1", "3"])
    support = draw_support(category, split="thirds")
    left = {sample.key for sample in evaluation_samples(category, support)}
    assert left == {
        "screw/test/bent/002.png",
        "screw/test/bent/004.png",
        "screw/test/bent/005.png",
        "screw/test/good/001.png",
    }


def test_a_third_of_two_images_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bent has 2 images with masks, and a third"):
        draw_support(_category({"bent": [None] * 2}), split="thirds")
    with pytest.raises(InputError, match=r"support\.split=thirds chooses the shots itself"):
        draw_support(MANY, split="thirds", official=True)
    with pytest.raises(InputError, match="chooses the shots itself"):
        draw_support(MANY, split="thirds-leaking", listing=tmp_path / "shots.txt")
