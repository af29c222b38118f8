"""Durations add up over interruptions, and shared stages count once."""

import time
from pathlib import Path

from anogen.study.durations import TIMES, seconds_of, timed, totals
from anogen.study.results import Run


def test_a_stage_taken_up_again_adds_to_what_it_took(tmp_path: Path) -> None:
    for _ in range(2):
        with timed(tmp_path, "generate"):
            time.sleep(0.03)
    with timed(tmp_path, "learn"):
        pass
    known = seconds_of(tmp_path)
    assert 0.06 <= known["generate"] < 5
    assert known["learn"] < 1


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    assert seconds_of(tmp_path) == {}
    (tmp_path / TIMES).write_text("{torn")
    assert seconds_of(tmp_path) == {}


def test_the_report_counts_a_bank_once_for_all_detectors_that_train_on_it() -> None:
    runs = [
        Run(
            category="screw",
            detector="unet",
            arm="generated",
            seed=seed,
            seconds={"generate": 30.0, "train": 10.0},
            settings_hash="0",
        )
        for seed in range(2)
    ]
    assert dict(totals(runs)) == {"generate": "30 s", "train": "20 s"}
