from hypothesis import given, settings
from hypothesis import strategies as st

from anogen.data.split import held_out

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
