import pytest

from anogen.concept.named_word import named_word

WORDS = ("normal", "defect", "scratch", "cut", "colour", "dark_area", "break")


@pytest.mark.parametrize(
    ("defect", "word"),
    [
        ("scratch_head", "scratch"),
        ("Scratches 2", "scratch"),
        ("cut", "cut"),
        ("cutter", None),
        ("color", "colour"),
        ("broken_small", "break"),
        ("dark_area", "dark_area"),
        ("good defect", None),
        ("normal", None),
        ("manipulated_front", None),
        ("", None),
    ],
)
def test_word_of_a_name(defect: str, word: str | None) -> None:
    assert named_word(defect, WORDS) == word
