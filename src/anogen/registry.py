"""Named members of a contract, each made by a factory that is imported only when asked for."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Generic, TypeVar

from anogen.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps a name to ``"module:attribute"``; the module is imported at the first use."""

    def __init__(self, kind: str, members: dict[str, str]) -> None:
        self._kind = kind
        self._members = dict(members)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __getitem__(self, name: str) -> Callable[..., T]:
        """The factory registered as ``name``.

        Raises:
            InputError: for an unknown name; the sentence lists the known ones.
        """
        if name not in self._members:
            known = ", ".join(self._members)
            raise InputError(f"unknown {self._kind} {name!r}; known are: {known}.")
        module, attribute = self._members[name].split(":")
        factory: Any = getattr(import_module(module), attribute)
        return factory  # type: ignore[no-any-return]
