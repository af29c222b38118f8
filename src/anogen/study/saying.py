"""What a run says while it works: lines on stderr, since stdout is for results."""

import sys


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)
