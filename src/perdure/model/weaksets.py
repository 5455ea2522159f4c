"""The durable set of weak references to memo objects, of any prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from perdure.collections.comparing import guard
from perdure.collections.placing import check_place, describe_lost
from perdure.errors import ObjectError, WorkspaceError
from perdure.kernel import durable
from perdure.model.base import Memo
from perdure.model.weak import Foreign, address_of, expired
from perdure.session import Connection, Forwarding, Weak, check_identified, register_builtin

__all__ = ["WeakSet"]

_Key = tuple[int, int]


@register_builtin(8)
class WeakSet(durable.Durable):
    """A set of memo objects that it does not hold: those that are deleted, or may not be seen, are not in it.

    Members are told apart by identity and may live in several prefixes. A new member gets its identity when it is
    added. Asking about members of a prefix that is not there raises `RuntimeError`.

    >>> watched = weak_set([task])  # doctest: +SKIP
    >>> task in watched  # doctest: +SKIP
    True
    """

    __slots__ = ("_perdure_members_",)

    _perdure_members_: dict[_Key, Any]

    def __init__(self, iterable: Iterable[Any] | None = None, /) -> None:
        check_place()
        self._perdure_members_ = {}
        for member in iterable or ():
            self.add(member)

    def add(self, member: Any, /) -> None:
        """Put a memo object (or a weak reference to one) into the set."""
        if not isinstance(member, Memo | Weak | Foreign):
            raise ObjectError(f"weak_set only accepts memo object instances, not {type(member).__name__}")
        if isinstance(member, Memo):
            check_identified(member)
        key = address_of(member)[:2]
        with guard(self):
            durable.mark_dirty(self)
            self._perdure_members_.setdefault(key, member if isinstance(member, Foreign) else _weak(member))

    def discard(self, member: Any, /) -> None:
        """Take a member out, if it is in."""
        key = _key(member)
        with guard(self):
            durable.load(self)
            if key in self._perdure_members_:
                durable.mark_dirty(self)
                del self._perdure_members_[key]

    def remove(self, member: Any, /) -> None:
        """Take a member out. Raises `KeyError` when it is not in."""
        if member not in self:
            raise KeyError(member)
        self.discard(member)

    def clear(self) -> None:
        """Take all members out."""
        with guard(self):
            durable.mark_dirty(self)
            self._perdure_members_ = {}

    def copy(self) -> WeakSet:
        """A new set with the same members."""
        made = WeakSet()
        durable.load(self)
        made._perdure_members_ = dict(self._perdure_members_)
        return made

    def __contains__(self, member: object) -> bool:
        durable.load(self)
        found = self._perdure_members_.get(_key(member))
        return found is not None and _is_there(found)

    def __iter__(self) -> Iterator[Any]:
        durable.load(self)
        for member in list(self._perdure_members_.values()):
            if _is_there(member):
                yield member.target if isinstance(member, Forwarding) else member

    def __len__(self) -> int:
        durable.load(self)
        return sum(map(_is_there, list(self._perdure_members_.values())))

    def __repr__(self) -> str:
        lost = describe_lost(self)
        if lost is not None:
            return lost
        try:
            return f"WeakSet({list(self)!r})"
        except (ObjectError, WorkspaceError) as error:  # of a member's prefix: it cannot be told what has expired
            return f"<WeakSet of {len(self._perdure_members_)}: {error}>"

    def _perdure_store_(self) -> list[Any]:
        return list(self._perdure_members_.values())

    def _perdure_restore_(self, values: list[Any]) -> None:
        self._perdure_members_ = {address_of(value)[:2]: value for value in values}

    def _perdure_forget_(self) -> None:
        self._perdure_members_ = {}

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        """Nothing lies outside of the record."""


def _key(member: object) -> Any:
    """The key of a member; None for what cannot be one."""
    if not isinstance(member, Memo | Weak | Foreign):
        return None
    if isinstance(member, Memo) and not durable.oid_of(member):
        return None  # without an identity it is in no set
    return address_of(member)[:2]


def _is_there(member: Any) -> bool:
    """Whether a member exists, and can be seen."""
    try:
        return not expired(member)
    except PermissionError:
        return False


def _weak(member: Any) -> Any:
    """What the set keeps: nothing that would hold the object."""
    return member if isinstance(member, Weak) else Weak(member)
