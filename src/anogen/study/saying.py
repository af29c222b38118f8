"""What a run says while it works: on stderr, since stdout is for results."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere; what is given back takes how much is done, of all."""
    with tqdm(total=total, desc=what, file=sys.stderr, disable=not sys.stderr.isatty()) as bar:

        def done(count: int, _: int) -> None:
            bar.update(count - bar.n)

        yield done
