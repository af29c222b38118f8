"""The command line: verbs, thin; everything heavy is imported inside a verb."""

import sys

from anogen.cli.app import app
from anogen.errors import InputError


def main() -> None:
    """Entry point of ``anogen``: 0 done, 1 failed, 2 wrong usage or bad input."""
    try:
        app()
    except InputError as error:
        print(f"anogen: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("anogen: stopped; run the same command again to go on.", file=sys.stderr)
        sys.exit(1)
