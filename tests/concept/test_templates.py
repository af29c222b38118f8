"""Sentences to learn in."""

from anogen.concept.templates import TEMPLATES


def test_eighty_different_sentences_with_one_placeholder_each() -> None:
    # The released codes of AnoGen and AnomalyDiffusion draw from as many, of these four kinds.
    assert len(set(TEMPLATES)) == len(TEMPLATES) == 80
    assert all(text.count("*") == 1 for text in TEMPLATES)
    for kind in ("a photo of", "a rendering of", "an illustration of", "a depiction of"):
        assert sum(text.startswith(f"{kind} ") for text in TEMPLATES) == 20
