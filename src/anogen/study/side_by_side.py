"""Jobs done side by side, in processes that end with the one that began them.

Processes are spawned, not forked: the threads of numerical libraries do not survive a fork. So a
script that asks for more than one worker keeps its own work under ``if __name__ == "__main__":``.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeVar

J = TypeVar("J")


def side_by_side(
    jobs: Sequence[J],
    make: Callable[[], Callable[[J], None]],
    *,
    workers: int,
    on_done: Callable[[J, float, int], None],
) -> None:
    """Do all jobs, in this process if there is one job or one worker, else in up to ``workers``.

    The first job that fails ends all others where they are, and so does the end of this process,
    whatever ended it: a job that is cut short is to leave nothing that it cannot take up again.

    Args:
        jobs: what is done, begun in this order; can be pickled.
        make: called once in each process; what it returns does a job. Can be pickled.
        workers: processes side by side.
        on_done: called here for each job that ended: the job, its seconds, how many are left.

    Raises:
        RuntimeError: if a worker was killed.
        Exception: what the first job that failed has raised.
    """
    workers, left = min(workers, len(jobs)), len(jobs)
    if workers < 2:
        do = make()
        for job in jobs:
            started = time.monotonic()
            do(job)
            left -= 1
            on_done(job, time.monotonic() - started, left)
        return
    context = get_context("spawn")
    # Nothing is ever sent: what counts is that the other end closes, if only since we are dead.
    theirs, ours = context.Pipe(duplex=False)
    with (
        theirs,
        ours,
        ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(make, theirs)
        ) as pool,
    ):
        try:
            with _interrupts_held_back():
                running = {pool.submit(_do_timed, job): job for job in jobs}
            for future in as_completed(running):
                seconds, left = future.result(), left - 1
                on_done(running[future], seconds, left)
        except BaseException as error:
            ours.close()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise RuntimeError(
                    f"one of {workers} processes was killed, perhaps for want of memory; the same "
                    "command goes on, and with fewer --workers it needs less"
                ) from error
            raise


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes begun in here never see Ctrl-C, which is this one's to answer; it comes after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_do: Callable[[Any], None]
"""In a worker: what does a job."""


def _begin(make: Callable[[], Callable[[Any], None]], lifeline: Connection) -> None:
    global _do
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    _do = make()


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)
    os._exit(1)


def _do_timed(job: Any) -> float:
    started = time.monotonic()
    _do(job)
    return time.monotonic() - started
