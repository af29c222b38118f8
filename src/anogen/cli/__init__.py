"""The command line: verbs, thin; everything heavy is imported inside a verb."""

import os
import sys

from anogen.cli.app import app
from anogen.errors import InputError

DEBUG = "ANOGEN_DEBUG"
"""Environment variable that brings the traceback of an unexpected failure."""

_INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C has stopped."""


_FROM_THE_START = {"validate", "export", "predict", "doctor", "config", "placement", "review"}
"""Verbs that leave nothing to go on with."""


def main() -> None:
    """Entry point of ``anogen``: 0 done, 1 failed, 2 wrong usage or bad input."""
    try:
        app(prog_name="anogen")
    except InputError as error:
        lines = str(error).splitlines()
        if len(lines) == 1:
            _say(lines[0])
        else:
            _say(f"{len(lines)} problems:")
            print(*(f"  {line}" for line in lines), sep="\n", file=sys.stderr)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:
            resumes = not _FROM_THE_START.intersection(sys.argv[1:2])
            _say(f"stopped{'; the same command again goes on where it was' * resumes}.")
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        reason = str(error).strip().partition("\n")[0]
        _say(
            f"failed, {type(error).__name__}{': ' * bool(reason)}{reason} "
            f"({DEBUG}=1 before the command shows where)."
        )
        sys.exit(1)


def _say(text: str) -> None:
    print(f"anogen: {text}", file=sys.stderr)
