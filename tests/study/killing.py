"""Kills a small run at random instants until it is done, and compares with an unbroken one.

    python tests/study/killing.py DATASET PRIOR WORKPLACE

Runs in a process of its own that imports everything, starts no thread, and forks: a launch costs
no import. Ends with an assertion where a byte differs.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import torch
from test_pipeline import SMALL_RUN

from anogen.cli import main as anogen
from anogen.cli import runs as _  # noqa: F401  imported before the forks
from anogen.detection.training import train as train_detector
from anogen.study.durations import TIMES
from anogen.study.stages import train as train_stage

KILLS = 20
RUN = Path("run")
EXEMPT = ("results.json", "report/index.html")
"""Hold durations; of the results everything else is compared."""


def launch(command: list[str], place: Path) -> int:
    """Start ``anogen`` in ``place``, in a fork of this process."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(place)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = command
        try:
            anogen()
        finally:
            Path("modules.json").write_text(json.dumps(list(sys.modules)))
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def status_within(child: int, seconds: float) -> int | None:
    """Exit status of ``child``; None, and the child is killed, if it takes longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def content(place: Path) -> dict[str, bytes]:
    """Every file of a run's folder, hidden ones too, but those that hold durations."""
    folder = place / RUN
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != TIMES
    }
    results = json.loads(found["results.json"])
    for run in results["runs"]:
        run["seconds"] = {}
    return {name: data for name, data in found.items() if name not in EXEMPT} | {
        "results": json.dumps(results).encode()
    }


def check(expected: dict[str, bytes], found: dict[str, bytes]) -> None:
    """Demand the same files with the same bytes."""
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    differing = [name for name in expected if found[name] != expected[name]]
    assert not differing, differing


def main(dataset: str, prior: str, workplace: Path) -> None:
    """Twenty kills; a run that ends between them is compared, and the next one begins."""
    torch.set_num_threads(1)
    # The small trainings end before the first checkpoint would be due.
    train_stage.train_detector = partial(train_detector, checkpoint_every=2)  # type: ignore[attr-defined]
    command = ["anogen", "run", dataset, "--prior", prior, "--out", str(RUN)]
    command += [part for value in SMALL_RUN for part in ("--set", value)]
    unbroken, broken = workplace / "unbroken", workplace / "broken"
    unbroken.mkdir(parents=True)
    assert status_within(launch(command, unbroken), 300) == 0, (unbroken / "log").read_text()
    expected = content(unbroken)
    # What a run imports on its way is imported once, here: a launch costs next to nothing then.
    for name in json.loads((unbroken / "modules.json").read_text()):
        with suppress(Exception):
            import_module(name)

    chance, kills, finished = random.Random(0), 0, 0
    whole = 0.0  # seconds of an unbroken run without its imports: the first one of the loop
    while kills < KILLS or not finished:
        broken.mkdir(exist_ok=True)
        patience = chance.uniform(0, 0.7 * whole) if whole and kills < KILLS else 300
        started = time.monotonic()
        status = status_within(launch(command, broken), patience)
        if status is None:
            kills += 1
            print(f"killed after {patience:.2f} s: {last_line(broken / 'log')}", flush=True)
            finished = 0
            continue
        assert status == 0, (broken / "log").read_text()
        check(expected, content(broken))
        print("finished, the same bytes")
        whole = whole or time.monotonic() - started
        finished += 1
        shutil.rmtree(broken)


def last_line(log: Path) -> str:
    """What a killed run said last."""
    lines = log.read_text().splitlines() if log.exists() else []
    return lines[-1] if lines else "nothing yet"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
