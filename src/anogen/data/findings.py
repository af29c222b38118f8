"""What a look at a dataset finds, gathered so that a user reads all of it at once."""

from dataclasses import dataclass, field

from anogen.errors import InputError


@dataclass
class Findings:
    """Sentences about a dataset, each with the file's name relative to the dataset's root.

    Attributes:
        problems: what must be put right before any work.
        notices: what is worth knowing and stops nothing.
    """

    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def raise_problems(self) -> None:
        """Raise one :class:`InputError` with a line for every problem, if there are any."""
        if self.problems:
            raise InputError("\n".join(self.problems))
