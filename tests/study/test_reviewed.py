"""After a review, what was trained on another bank is trained again, and nothing else."""

from pathlib import Path

import pytest
from test_pipeline import small_settings

from anogen.bank.bank import Bank
from anogen.bank.review import decide
from anogen.errors import InputError
from anogen.study.pipeline import run_all
from anogen.study.report import write_report
from anogen.study.results import Results, read_results
from anogen.study.run_folder import RunFolder
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.material import categories_of
from anogen.study.trained_on import NOTE, REVIEW, note, others

TIME = "2026-01-31T12:00:00Z"


def test_a_reviewed_bank_trains_its_own_arm_again(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    settings = small_settings(small_dataset, small_prior_file)
    path = tmp_path / "run"

    def run_again() -> Results:
        return run_all(path, settings, command=["anogen"])

    def models() -> dict[str, bytes]:
        return {p.parent.name: p.read_bytes() for p in path.glob("detectors/*/*/model.safetensors")}

    own, other = "unet-procedural+generated-0", "unet-procedural-0"
    first, before = run_again(), models()
    bank = Bank(path / "bank/plate")
    accepted = [entry.id for entry in bank.accepted()]
    decide(bank, accepted[0], "accepted", time=TIME)
    evaluate(RunFolder(path, settings), categories_of(RunFolder(path, settings)))
    assert "was reviewed after" not in write_report(path).read_text()

    decide(bank, accepted[0], "rejected", time=TIME)
    with pytest.raises(InputError, match=r"trained before .*plate was reviewed; run 'anogen train"):
        evaluate(RunFolder(path, settings), categories_of(RunFolder(path, settings)))
    assert "The bank of plate was reviewed after" in write_report(path).read_text()

    second, after = run_again(), models()
    assert after[other] == before[other]
    assert after[own] != before[own]
    by_arm = {run.arm: run for run in second.runs}
    assert by_arm["procedural"].review is None
    assert by_arm["procedural+generated"].review == Bank(bank.folder).review_digest() != ""
    assert by_arm["procedural+generated"].counts["generated"] == len(accepted) - 1
    assert "was reviewed after" not in (path / "report/index.html").read_text()

    # Taken back, the run is what it was before, to the byte.
    bank = Bank(bank.folder)
    bank.review(accepted[0], None)
    third = run_again()
    assert models() == before
    assert [run.pixel for run in third.runs] == [run.pixel for run in first.runs]
    assert read_results(path / "results.json").runs[0].review is None


def test_files_of_another_bank_go_before_the_note_changes(tmp_path: Path) -> None:
    stale = ("model.safetensors", "scores.npz")

    def fill() -> None:
        for name in (*stale, "mine.txt"):
            (tmp_path / name).write_text("x")

    def there() -> set[str]:
        return {path.name for path in tmp_path.iterdir()}

    def put(review: str) -> None:
        note(tmp_path, {"good": "a", REVIEW: review}, stale=stale)

    fill()
    put("")
    assert there() == {*stale, "mine.txt", NOTE}
    put("abc")
    assert there() == {"mine.txt", NOTE}
    fill()
    put("abc")
    assert there() == {*stale, "mine.txt", NOTE}
    assert others(tmp_path, {"good": "b", REVIEW: ""}) == ["good", REVIEW]
    put("")
    assert there() == {"mine.txt", NOTE}
    (tmp_path / NOTE).unlink()  # of a version that noted nothing
    assert others(tmp_path, {"good": "b", REVIEW: ""}) == []
    fill()
    put("abc")
    assert there() == {"mine.txt", NOTE}
    (tmp_path / NOTE).write_text("{")
    with pytest.raises(InputError, match=r"images\.json: damaged; delete the folder"):
        put("")
