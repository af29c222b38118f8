"""Jobs in several processes: which do them, what becomes of errors, and who ends with whom."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import light_jobs
import pytest

from anogen.errors import InputError
from anogen.study.side_by_side import side_by_side


def none(*_: object) -> None:
    """Nothing to do when a job has ended."""


def wait_for(true: Callable[[], bool], seconds: float = 300) -> None:
    """Demand that something comes true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether a process is there; one that ended and that nobody has asked after is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    jobs = [tmp_path / name for name in "ab"]
    told: list[tuple[Path, int]] = []
    side_by_side(
        jobs, light_jobs.Writer, workers=1, on_done=lambda job, _, left: told.append((job, left))
    )
    assert {int(job.read_text()) for job in jobs} == {os.getpid()}
    assert told == [(jobs[0], 1), (jobs[1], 0)]
    side_by_side(jobs[:1], light_jobs.Writer, workers=8, on_done=none)
    assert int(jobs[0].read_text()) == os.getpid()
    side_by_side([], light_jobs.Writer, workers=8, on_done=none)


def test_more_workers_are_other_processes_that_are_gone_afterwards(tmp_path: Path) -> None:
    jobs = [tmp_path / name for name in "abc"]
    left: list[int] = []
    side_by_side(jobs, light_jobs.Writer, workers=2, on_done=lambda *done: left.append(done[2]))
    pids = {int(job.read_text()) for job in jobs}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    assert left == [2, 1, 0]
    assert not any(lives(pid) for pid in pids)


def test_the_first_error_is_told_as_it_is_and_ends_the_others(tmp_path: Path) -> None:
    jobs = [tmp_path / name for name in ("good", "bad", "later", "never")]
    started = time.monotonic()
    with pytest.raises(InputError) as raised:
        side_by_side(jobs, light_jobs.Quarreller, workers=2, on_done=none)
    assert str(raised.value) == "bad: no good; take another."
    assert time.monotonic() - started < 300  # the others sleep for twice that
    assert not (tmp_path / "never").exists()
    for job in jobs:
        assert not job.exists() or not job.read_text() or not lives(int(job.read_text()))


def test_a_killed_worker_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"one of 2 processes was killed, .* fewer --workers"):
        side_by_side([tmp_path, tmp_path], light_jobs.Deserter, workers=2, on_done=none)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_workers_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    script = Path(light_jobs.__file__)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stderr=subprocess.DEVNULL
    )
    both = [tmp_path / "first", tmp_path / "second"]
    try:
        wait_for(lambda: all(job.exists() and job.read_text() for job in both))
        pids = [int(job.read_text()) for job in both]
        assert all(lives(pid) for pid in pids)
    finally:
        parent.send_signal(how)
        assert parent.wait(300) != 0
    wait_for(lambda: not any(lives(pid) for pid in pids))
