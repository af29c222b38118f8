"""Trainings side by side: the bytes of one after another, whatever is killed on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from test_pipeline import SMALL_RUN
from test_side_by_side import lives, wait_for

from anogen.data.images import write_png
from anogen.errors import InputError
from anogen.study.durations import TIMES
from anogen.study.pipeline import run_all, train_stage
from anogen.study.run_folder import RunFolder, alone_in, at_work, open_run
from anogen.study.settings import resolve
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.material import categories_of
from anogen.study.stages.trainings import detectors_of, do_trainings, processes, untrained
from anogen.study.threads import threads

SETTINGS = (*SMALL_RUN, "training.arms=[draem, generated]", "detectors.unet.steps=12")


@pytest.fixture(scope="module")
def finished(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """A run whose trainings were done in this process."""
    given = {"dataset": {"root": str(small_dataset)}, "prior": str(small_prior_file)}
    path = tmp_path_factory.mktemp("runs") / "one"
    run_all(path, resolve("quick", given, overrides=SETTINGS), command=["anogen"])
    return open_run(path)


def without_detectors(run: RunFolder, path: Path) -> RunFolder:
    """A copy of a run that has its bank, and nothing trained."""
    shutil.copytree(run.path, path)
    shutil.rmtree(path / "detectors")
    (path / "results.json").unlink()
    return open_run(path)


def test_other_images_train_again(finished: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    shutil.copytree(finished.settings.dataset.root, tmp_path / "data")
    config = tmp_path / "run/config.yaml"
    text = config.read_text().replace(finished.settings.dataset.root, str(tmp_path / "data"))
    config.write_text(text)
    run = open_run(tmp_path / "run")
    assert untrained(run, categories_of(run)) == []
    good = next((tmp_path / "data/plate/train/good").glob("*.png"))
    shutil.copy(good, good.with_name("another.png"))
    pairs = categories_of(run)
    assert len(untrained(run, pairs)) == len(detectors_of(run, pairs))
    with pytest.raises(InputError, match="trained on other images than there are now"):
        evaluate(run, pairs)
    train_stage(run, pairs)
    assert untrained(run, pairs) == []
    assert {one.counts["normals"] for one in evaluate(run, pairs).runs} == {len(pairs[0][0].train)}


def content(path: Path) -> dict[str, Any]:
    """What a run trained and found out, without durations."""
    files = {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in (path / "detectors").rglob("*")
        if file.is_file() and file.name != TIMES
    }
    results = json.loads((path / "results.json").read_text())
    for run in results["runs"]:
        run["seconds"] = {}
    return {**files, "results.json": results}


def children_of(pid: int) -> list[int]:
    """Processes that a process began."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def test_threads_are_set_and_put_back() -> None:
    before = torch.get_num_threads(), cv2.getNumThreads()
    with pytest.raises(KeyError), threads(3):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
        raise KeyError
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before
    with threads(None):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def test_a_training_runs_with_the_threads_of_its_settings(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "anogen.study.stages.trainings.train", lambda *_: seen.append(torch.get_num_threads())
    )
    before = torch.get_num_threads()
    for count, expected in ((2, 2), (None, before)):
        training = finished.settings.training.model_copy(update={"threads": count})
        run = RunFolder(
            tmp_path / str(count), finished.settings.model_copy(update={"training": training})
        )
        pairs = categories_of(finished)
        do_trainings(detectors_of(run, pairs)[:1], train=True, predict=False, workers=1)
        assert seen[-1] == expected
    assert torch.get_num_threads() == before


def test_as_many_processes_as_the_cores_feed(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = detectors_of(finished, categories_of(finished))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert trainings[0].threads == 1
    assert processes(trainings, None) == 6
    settings = finished.settings
    four = settings.training.model_copy(update={"threads": 4})
    wide = RunFolder(finished.path, settings.model_copy(update={"training": four}))
    assert processes(detectors_of(wide, categories_of(wide)), None) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert processes(trainings, None) == 1


def test_torchs_own_threads_mean_one_after_another(
    finished: RunFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = finished.settings.training.model_copy(update={"threads": None})
    run = RunFolder(tmp_path, finished.settings.model_copy(update={"training": training}))
    seen = []
    monkeypatch.setattr("anogen.study.stages.trainings.train", lambda *_: seen.append(os.getpid()))
    trainings = detectors_of(run, categories_of(finished))
    do_trainings(trainings, train=True, predict=False, workers=4)
    assert seen == [os.getpid()] * 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("note: training.threads is null, so trainings run one after another")
    assert said[1].startswith("  trained plate, unet, draem, seed 0: ")
    assert said[1].endswith(" s, 1 left")


def test_a_held_folder_is_waited_for(tmp_path: Path) -> None:
    folder, done = tmp_path / "cell", tmp_path / "done"
    waiting = (
        "import sys; from pathlib import Path; from anogen.study.run_folder import alone_in\n"
        "Path(sys.argv[2] + '.begun').write_text('')\n"
        "with alone_in(Path(sys.argv[1])): Path(sys.argv[2]).write_text('')"
    )
    with alone_in(folder):
        other = subprocess.Popen([sys.executable, "-c", waiting, str(folder), str(done)])
        wait_for(lambda: done.with_name("done.begun").exists())
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
        assert not done.exists()
    assert other.wait(300) == 0
    assert done.exists()


def test_what_a_killed_write_left_goes_when_a_folder_is_held(tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    folder.mkdir()
    (folder / ".model.safetensors.abc.tmp").write_bytes(b"half")
    (folder / "model.safetensors").write_bytes(b"whole")
    with alone_in(folder):
        assert [file.name for file in folder.iterdir()] == ["model.safetensors"]


@pytest.mark.slow
def test_two_workers_leave_the_bytes_of_one(
    finished: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = without_detectors(finished, tmp_path / "run")
    pairs = categories_of(run)
    assert len(untrained(run, pairs)) == 2
    train_stage(run, pairs, predict=True, workers=2)
    assert untrained(run, pairs) == []
    evaluate(run, pairs, workers=2)
    assert content(run.path) == content(finished.path)
    said = capsys.readouterr().err
    assert [line.rpartition(", ")[2] for line in said.splitlines()[1:]] == ["1 left", "0 left"]
    # Scores alone, side by side.
    for scores in run.path.glob("detectors/*/*/scores.npz"):
        scores.unlink()
    evaluate(run, pairs, workers=2)
    assert content(run.path) == content(finished.path)


@pytest.mark.slow
def test_bad_input_in_a_worker_is_the_same_sentence(
    finished: RunFolder, small_dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_dataset, tmp_path / "data")
    run = without_detectors(finished, tmp_path / "run")
    dataset = run.settings.dataset.model_copy(update={"root": str(tmp_path / "data")})
    run = RunFolder(run.path, run.settings.model_copy(update={"dataset": dataset}))
    pairs = categories_of(run)
    broken = tmp_path / "data/plate/train/good/003.png"
    write_png(broken, np.zeros((8, 8), np.uint8))
    broken.write_bytes(broken.read_bytes()[:40])
    sentences = []
    for workers in (1, 2):
        with pytest.raises(InputError) as raised:
            train_stage(run, pairs, workers=workers)
        sentences.append(str(raised.value))
    assert "plate/train/good/003.png" in sentences[0]
    assert sentences[0] == sentences[1]


PARENT = """
import sys
from functools import partial
from pathlib import Path
from anogen.study.pipeline import train_stage
from anogen.study.run_folder import at_work, open_run
from anogen.study.stages.material import categories_of

if __name__ == "__main__":
    run = open_run(Path(sys.argv[1]))
    with at_work(run.path):
        train_stage(run, categories_of(run), predict=True, workers=2)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_its_workers_and_resumes_to_the_same_bytes(
    finished: RunFolder, tmp_path: Path
) -> None:
    run = without_detectors(finished, tmp_path / "run")
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(run.path)])
    wait_for(lambda: any(run.path.glob("detectors/plate/*/train.jsonl")))
    workers = [pid for pid in children_of(parent.pid) if lives(pid)]
    assert len(workers) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not any(lives(pid) for pid in workers))
    pairs = categories_of(run)
    with at_work(run.path):
        train_stage(run, pairs, predict=True, workers=1)
        evaluate(run, pairs)
    assert content(run.path) == content(finished.path)
