"""Jobs that import next to nothing, for workers that are to be there at once.

    python tests/study/light_jobs.py FOLDER

does two long ones side by side, each of which writes its process id into FOLDER first.
"""

import os
import signal
import sys
import time
from pathlib import Path

from anogen.errors import InputError
from anogen.study.side_by_side import side_by_side


class Writer:
    """Writes the process id of whoever does a job under the job's path."""

    def __call__(self, job: Path) -> None:
        job.write_text(str(os.getpid()))


class Quarreller:
    """Refuses ``bad``; everything else lasts longer than any test."""

    def __call__(self, job: Path) -> None:
        if job.name == "bad":
            raise InputError(f"{job.name}: no good; take another.")
        Writer()(job)
        time.sleep(600)


class Deserter:
    """Ends its process."""

    def __call__(self, job: Path) -> None:  # noqa: ARG002
        os._exit(3)


def main(folder: Path) -> None:
    """Two jobs that end only with their parent."""
    jobs = [folder / "first", folder / "second"]
    side_by_side(jobs, Quarreller, workers=2, on_done=lambda *_: None)


if __name__ == "__main__":
    # A shell starts what runs in its background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(Path(sys.argv[1]))
