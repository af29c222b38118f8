"""The exceptions that a user is meant to read."""


class InputError(Exception):
    """Wrong input or usage: one sentence or one sentence a line.

    Each says which file, what is wrong, and what to do. The command line prints it without a
    traceback and exits with code 2.
    """


class NoPlaceError(InputError):
    """No place on an image keeps all rules: an odd image, or rules that are too strict."""
