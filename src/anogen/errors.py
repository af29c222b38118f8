"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Wrong input or usage: one sentence or one sentence a line.

    Each says which file, what is wrong, and what to do. The command line prints it without a
    traceback and exits with code 2.
    """
