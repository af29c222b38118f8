from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from anogen.data.sample import Sample
from anogen.data.split import first_third, held_out, leaked, natural_key

KEYS = [f"good/{i:04d}.png" for i in range(2000)]


def test_about_a_fifth_is_held_out() -> None:
    # Binomial: 400 expected, standard deviation 18.
    assert 320 < len(held_out(KEYS, {})) < 480


def test_an_added_image_moves_no_other() -> None:
    before = held_out(KEYS[:500], {})
    assert held_out(KEYS[:501], {}) - {KEYS[500]} == before
    assert held_out(KEYS[:500][::-1], {}) == before


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12))
def test_no_group_is_split_and_both_sides_have_one(groups: list[str]) -> None:
    keys = KEYS[: len(groups)]
    group_of = dict(zip(keys, groups, strict=True))
    out = held_out(keys, group_of)
    if len(set(groups)) == 1:
        assert not out
        return
    assert 0 < len(out) < len(keys)
    assert not {group_of[k] for k in out} & {group_of[k] for k in keys if k not in out}


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 15), st.integers(0, 1000))
def test_both_sides_have_an_image(count: int, start: int) -> None:
    out = held_out(KEYS[start : start + count], {})
    assert 0 < len(out) < count


def test_of_a_single_image_nothing_is_held_out() -> None:
    assert held_out(KEYS[:1], {}) == frozenset()
    assert held_out([], {}) == frozenset()


def _samples(names: list[str]) -> list[Sample]:
    keys = [f"screw/test/bent/{name}" for name in names]
    return [Sample(key, Path("/data") / key, "bent", Path("/mask.png"), "test") for key in keys]


def test_names_are_ordered_by_the_numbers_in_them() -> None:
    names = ["10.png", "b2.png", "2.png", "b10.png", "1.png", "01.png", "a.png", "2 (1).png"]
    ordered = sorted(names, key=natural_key)
    assert ordered == [
        "01.png",
        "1.png",
        "2 (1).png",
        "2.png",
        "10.png",
        "a.png",
        "b2.png",
        "b10.png",
    ]
    assert natural_key("²٣.png") < natural_key("³.png")  # digits of other scripts are letters
    assert natural_key("٣.png") > natural_key("a.png")


@given(st.integers(0, 40), st.randoms())
def test_the_first_third_is_exact_whatever_the_order_on_disk(count: int, random: Random) -> None:
    samples = _samples([f"{number}.png" for number in range(count)])
    shuffled = random.sample(samples, count)
    assert first_third(shuffled) == tuple(samples[: count // 3])
    if count:
        assert leaked(shuffled) == samples[count // 3]
