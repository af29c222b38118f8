"""A reviewer's word: appended, lasting, and what training and export then see."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_bank import entry

from anogen.bank.bank import Bank
from anogen.bank.manifest import Review
from anogen.bank.review import correct, decide, now
from anogen.errors import InputError

TIME = "2026-01-31T12:00:00Z"
LATER = "2026-02-01T08:30:00Z"


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """Two accepted images, one rejected, one rejected with an empty mask; 9 x 7 pixels."""
    bank = Bank(tmp_path / "bank")
    rejected = {"decision": "rejected", "reason": "too faint"}
    mask = np.zeros((9, 7), np.float32)
    for name, changes in (("a", {}), ("b", {}), ("c", rejected), ("empty", rejected)):
        own = mask.copy()
        own[3:5, 2:4] = name != "empty"
        bank.add(entry(name, **changes), np.full((9, 7), 100, np.uint8), own)
    bank.finish()
    return bank


def accepted(bank: Bank) -> list[str]:
    return [e.id for e in bank.accepted()]


def test_the_last_word_counts_over_the_gates_and_outlasts_the_process(bank: Bank) -> None:
    lines = (bank.folder / "manifest.jsonl").read_bytes()
    decide(bank, "a", "rejected", time=TIME)
    decide(bank, "c", "rejected", time=TIME)
    decide(bank, "c", "accepted", time=LATER)
    assert accepted(bank) == accepted(Bank(bank.folder)) == ["b", "c"]
    # Only appended: what was there before is untouched, one line a word.
    after = (bank.folder / "manifest.jsonl").read_bytes()
    assert after.startswith(lines)
    assert len(after[len(lines) :].splitlines()) == 3
    bank.review("c", None)
    assert accepted(Bank(bank.folder)) == ["b"]
    with pytest.raises(KeyError):
        decide(bank, "nobody", "accepted", time=TIME)


def test_a_finished_manifest_holds_the_words_in_the_images_lines(bank: Bank) -> None:
    decide(bank, "b", "rejected", time=TIME)
    bank.finish()
    lines = [json.loads(line) for line in (bank.folder / "manifest.jsonl").open()]
    assert [line["id"] for line in lines] == ["a", "b", "c", "empty"]
    assert [line["decision"] for line in lines] == ["accepted"] * 2 + ["rejected"] * 2
    assert lines[1]["review"] == {
        "word": "rejected",
        "time": TIME,
        "mask": None,
        "box": None,
        "boxes": [],
    }
    assert accepted(Bank(bank.folder)) == ["a"]


def test_a_torn_word_is_dropped_and_the_next_one_takes_its_place(bank: Bank) -> None:
    path = bank.folder / "manifest.jsonl"
    whole = path.read_bytes()
    decide(bank, "a", "rejected", time=TIME)
    word = path.read_bytes()[len(whole) :]
    for cut in (1, len(word) // 2, len(word) - 1):
        path.write_bytes(whole + word[:cut])
        again = Bank(bank.folder)
        assert accepted(again) == ["a", "b"]
        decide(again, "a", "rejected", time=TIME)
        assert path.read_bytes() == whole + word


def test_a_word_on_an_image_that_is_not_there_is_named(bank: Bank) -> None:
    path = bank.folder / "manifest.jsonl"
    with path.open("a") as file:
        file.write('{"id": "x", "review": null}\n')
    with pytest.raises(InputError, match="line 5 is a review of 'x', which is not there"):
        Bank(bank.folder)


def test_a_corrected_mask_stands_in_and_the_original_stays(bank: Bank) -> None:
    own = (bank.folder / "masks/a.png").read_bytes()
    mask = np.zeros((9, 7), np.uint8)
    mask[6:8, 1:6] = 255
    mask[6, 1] = 100  # less than one half: painted softly
    decide(bank, "a", "accepted", time=TIME)
    correct(bank, "a", mask, time=LATER)
    for seen in (bank, Bank(bank.folder)):
        (a, _) = seen.accepted()
        np.testing.assert_allclose(seen.mask(a), mask / 255, atol=1e-6)
        assert a.region.as_list() == [1, 6, 6, 8]
        assert a.box == (1, 2, 5, 6)
        assert a.review is not None
        assert (a.review.word, a.review.time) == ("accepted", LATER)
    assert (bank.folder / "masks/a.png").read_bytes() == own
    # The label "box" leaves room around the corrected defect.
    assert np.array_equal(a.covered(9, 7), np.arange(9)[:, None] + np.zeros(7) >= 4)
    # A later word keeps the corrected mask.
    decide(bank, "a", "rejected", time=LATER)
    decide(bank, "a", "accepted", time=LATER)
    assert bank.manifest["a"].region.as_list() == [1, 6, 6, 8]


def test_each_defect_of_a_corrected_mask_keeps_a_box_of_its_own(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 5:15] = mask[20:30, 40:50] = 255
    two = entry("two").model_copy(
        update={"box": (3, 3, 52, 32), "boxes": ((3, 3, 17, 17), (38, 18, 52, 32))}
    )
    bank.add(two, np.zeros((40, 60), np.uint8), mask.astype(np.float32) / 255)
    mask[5:15, 15:18] = 255  # the first grows
    correct(bank, "two", mask, time=TIME)
    expected = np.zeros((40, 60), bool)
    expected[3:17, 3:20] = expected[18:32, 38:52] = True
    assert np.array_equal(bank.manifest["two"].covered(40, 60), expected)


def test_an_empty_mask_is_neither_accepted_nor_saved(bank: Bank) -> None:
    before = (bank.folder / "manifest.jsonl").read_bytes()
    with pytest.raises(InputError, match="empty: the mask is empty"):
        decide(bank, "empty", "accepted", time=TIME)
    with pytest.raises(InputError, match="mask is empty"):
        correct(bank, "a", np.full((9, 7), 127, np.uint8), time=TIME)
    with pytest.raises(InputError, match="42 pixels, the image 7x9"):
        correct(bank, "a", np.full((6, 7), 255, np.uint8), time=TIME)
    assert (bank.folder / "manifest.jsonl").read_bytes() == before
    assert not (bank.folder / "reviewed").exists()
    correct(bank, "empty", np.full((9, 7), 255, np.uint8), time=TIME)
    decide(bank, "empty", "accepted", time=TIME)
    assert "empty" in accepted(bank)


def test_the_digest_tells_what_training_would_see(bank: Bank) -> None:
    assert bank.review_digest() == ""
    decide(bank, "a", "accepted", time=TIME)
    decide(bank, "c", "rejected", time=TIME)
    assert bank.review_digest() == ""  # the same as the gate said
    decide(bank, "a", "rejected", time=TIME)
    one = bank.review_digest()
    decide(bank, "a", "rejected", time=LATER)
    assert bank.review_digest() == one != ""
    mask = np.zeros((9, 7), np.uint8)
    mask[0, 0] = 255
    correct(bank, "c", mask, time=TIME)
    assert bank.review_digest() == one  # rejected: nobody sees its mask
    correct(bank, "b", mask, time=TIME)
    two = bank.review_digest()
    mask[1, 1] = 255
    correct(bank, "b", mask, time=TIME)
    assert len({one, two, bank.review_digest()}) == 3
    bank.review("b", None)
    assert bank.review_digest() == one
    bank.finish()
    assert Bank(bank.folder).review_digest() == one


@pytest.mark.parametrize(
    "review",
    [
        {"word": None, "time": TIME},
        {"word": "perhaps", "time": TIME},
        {"word": "accepted", "time": "yesterday"},
        {"word": "accepted", "time": TIME, "mask": "reviewed/a.png"},
        {"word": "accepted", "time": TIME, "mask": "../a.png", "box": [0, 0, 1, 1]},
        {"word": "accepted", "time": TIME, "mask": "reviewed/a.png", "box": [0, 0, 0, 1]},
    ],
)
def test_a_wrong_review_is_refused(review: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Review"):
        Review.model_validate(review)
    assert Review(word="accepted", time=now()).word == "accepted"
