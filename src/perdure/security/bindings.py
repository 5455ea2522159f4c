"""Which context variable decides about which prefixes, and how; kept by name, so also for prefixes not open yet."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from perdure.errors import WorkspaceError

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = [
    "DEBUG",
    "FILTERS",
    "MASKS",
    "RELEASE",
    "UNSET",
    "Binding",
    "Bindings",
    "clear_bindings",
    "name_prefix",
    "prefix_names",
    "read_binding",
]

RELEASE: Final = "RELEASE"
DEBUG: Final = "DEBUG"
_MODES = (RELEASE, DEBUG)


class _Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()
"""Stands for a value that is not there, where None is a value."""

_names: dict[int, str] = {}
"""Database uuid → the name under which the prefix is open, or was opened last."""


def name_prefix(database: int, name: str) -> None:
    """Note the name of the prefix of a database that is being opened."""
    _names[database] = name


@dataclass(frozen=True, slots=True)
class Binding:
    """A context variable and how its value is used. Equal are bindings of the same variable, mode and placeholder."""

    variable: ContextVar[Any]
    mode: str = RELEASE
    placeholder: Any = UNSET

    @property
    def debug(self) -> bool:
        """Whether it is in DEBUG mode."""
        return self.mode == DEBUG

    def value(self) -> Any:
        """What the variable has in the running context; `UNSET` when it has nothing."""
        try:
            return self.variable.get()
        except LookupError:
            return UNSET

    def agrees(self, other: Binding) -> bool:
        """Whether another binding is the same one."""
        return (
            self.variable is other.variable and self.mode == other.mode and self.placeholder is other.placeholder
        )


class Bindings:
    """The bindings of one kind of protection: to all prefixes, and to some by name.

    They cannot be changed until `clear`: what is under protection stays so. Reading takes no lock.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._everywhere: Binding | None = None
        self._by_name: dict[str, Binding] = {}
        self.active = False
        """Whether there is any binding."""

    def bind(self, binding: Binding, names: Collection[str] | None) -> None:
        """Bind to the prefixes with these names, or to all, present and future, for None.

        What is bound so already is accepted. Raises `RuntimeError`, and binds nothing, when one of the prefixes, or
        all of them, are bound in another way.
        """
        with self._lock:
            if self._everywhere is not None and not self._everywhere.agrees(binding):
                raise self._refused("all prefixes")
            for name in self._by_name if names is None else names:
                present = self._by_name.get(name)
                if present is not None and not present.agrees(binding):
                    raise self._refused(f"the prefix {name}")
            if names is None:
                self._everywhere = binding
            else:
                self._by_name = {**self._by_name, **dict.fromkeys(names, binding)}
            self.active = self._everywhere is not None or bool(self._by_name)

    def _refused(self, what: str) -> WorkspaceError:
        return WorkspaceError(
            f"the {self._kind} binding of {what} cannot be changed: it has another context variable, mode or "
            "placeholder; it ends with close()"
        )

    def of(self, connection: Connection) -> Binding | None:
        """The binding of the prefix that a connection, live or of a snapshot, belongs to; None when it has none."""
        if not self._by_name:
            return self._everywhere
        database = connection.database
        return self.named(_names.get(database.uuid, database.name))

    def named(self, name: str) -> Binding | None:
        """The binding of the prefix with a name, open or not."""
        return self._by_name.get(name, self._everywhere)

    def clear(self) -> None:
        """Forget all bindings."""
        with self._lock:
            self._everywhere, self._by_name, self.active = None, {}, False


MASKS = Bindings("data masking")
"""Whose account decides which protected fields can be read and written."""
FILTERS = Bindings("data filter")
"""Whose predicate decides which restricted objects are there."""


def clear_bindings() -> None:
    """Forget all bindings of all kinds: the workspace was closed."""
    MASKS.clear()
    FILTERS.clear()
    _names.clear()


def prefix_names(prefix: Any) -> frozenset[str] | None:
    """The names that a `prefix` argument means; None for all prefixes.

    It is None, a name, a `PrefixMetaData` or a collection of those. Raises `TypeError` for anything else, and
    `ValueError` for an empty collection, which would protect nothing.
    """
    if prefix is None:
        return None
    name = _name_of(prefix)
    if name is not None:
        return frozenset({name})
    if not isinstance(prefix, Iterable) or isinstance(prefix, bytes | bytearray):
        raise TypeError(f"prefix is a name, a PrefixMetaData or a collection of them, not {type(prefix).__name__}")
    found: set[str] = set()
    for one in prefix:
        name = _name_of(one)
        if name is None:
            raise TypeError(f"a prefix is given by its name or PrefixMetaData, not as {type(one).__name__}")
        found.add(name)
    if not found:
        raise ValueError("prefix is an empty collection; leave it out for all prefixes")
    return frozenset(found)


def _name_of(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    name = getattr(value, "name", None)
    return name if isinstance(name, str) and isinstance(getattr(value, "uuid", None), int) else None


_PLACEHOLDER = "missing_value_placeholder"


def read_binding(option: str, given: Any, *, placeholder: bool = False) -> tuple[Binding, frozenset[str] | None]:
    """The binding, and the names of its prefixes, that a mapping such as `init(data_filter=...)` describes.

    `option` is what it is called, `placeholder` whether it may have a `missing_value_placeholder`. Raises `TypeError`
    for what is no such mapping, `ValueError` for unknown keys and modes.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{option} is a mapping with a context_var, not {type(given).__name__}")
    allowed = {"context_var", "prefix", "mode"} | ({_PLACEHOLDER} if placeholder else set())
    unknown = sorted(str(key) for key in given if key not in allowed)
    if unknown:
        raise ValueError(f"{option} has no key {', '.join(unknown)}; the keys are {', '.join(sorted(allowed))}")
    variable = given.get("context_var")
    if not isinstance(variable, ContextVar):
        raise TypeError(f"{option} needs a ContextVar as its context_var, not {type(variable).__name__}")
    mode = given.get("mode")
    if mode is not None and not isinstance(mode, str):
        raise TypeError(f"the mode of {option} is a str, not {type(mode).__name__}")
    if mode is not None and mode not in _MODES:
        raise ValueError(f"the mode of {option} is {' or '.join(_MODES)}, not {mode!r}")
    binding = Binding(variable, RELEASE if mode is None else mode, given.get(_PLACEHOLDER, UNSET))
    return binding, prefix_names(given.get("prefix"))
