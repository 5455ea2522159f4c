"""Two prefixes that are alike but for what some fields hold, which the account at work may not read.

In one the fields hold canaries, in the other decoys of the same size. Whatever an attack shows must be the same in
both: then it tells nothing of the fields, not even whether a guess is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import perdure as db0

__all__ = [
    "ACCOUNT", "ADMIN", "CANARY", "KINDS", "TWINS", "UNSET", "USER", "MaskedWorld", "Secrets", "Shelf", "acting",
    "build",
]  # fmt: skip

ACCOUNT: ContextVar[Any] = ContextVar("account")
TWINS = ("twin1", "twin2")
CANARY = re.compile(r"canary|77007\d|2077")
USER, ADMIN, UNSET = 1, 99, "unset"
_T = TypeVar("_T")
COUNT = 3
Mode = db0.enum("AdversaryMode", ["CREATE", "READ", "UPDATE", "DELETE"])


@dataclass(frozen=True)
class Secrets:
    """What the fields of one object hold."""

    secret: Any
    number: int
    items: tuple[str, ...]
    due: date
    kind: str


def secrets(twin: str, number: int) -> Secrets:
    """The values of an object of a prefix; in the second one they are others, in the opposite order."""
    canary = twin == TWINS[0]
    word, base, year = ("canary", 770070, 2077) if canary else ("decoyy", 880070, 2088)
    number = number + 1 if canary else 9 - number
    secret: Any = f"{word}-{number}"
    if not canary and number == 7:  # the last one: even its type is another
        secret = secret.encode()
    return Secrets(secret, base + number, (f"{word}-i{number}",), date(year, 7, number), f"{word}-t{number}")


def fill(obj: Any, name: str, held: Secrets) -> None:
    """Assign the fields of an object: `name`, which the user may read, and the others."""
    obj.name = name
    for field in ("secret", "number", "items", "due", "kind"):
        setattr(obj, field, getattr(held, field))


class _Readable:
    """What the classes have besides fields."""

    @property
    def loud(self) -> Any:
        """The secret, by a property."""
        return self.secret  # type: ignore[attr-defined]

    def tell(self) -> Any:
        """The secret, by a method."""
        return self.secret  # type: ignore[attr-defined]


@db0.memo(protect_fields=True)
class Plain(_Readable):
    def __init__(self, name: str, held: Secrets) -> None:
        fill(self, name, held)


@db0.memo(protect_fields=True)
class Derived(Plain):
    """Inherits its protection; what may be read is said anew."""


@db0.memo(protect_fields=True)
@dataclass(order=True)
class Data(_Readable):
    secret: str
    number: int
    items: tuple[str, ...]
    due: date
    kind: str
    name: str


@db0.memo(protect_fields=True, immutable=True)
class Frozen(_Readable):
    def __init__(self, name: str, held: Secrets, part: Any = None) -> None:
        fill(self, name, held)
        self.part = part


@db0.memo(protect_fields=True, immutable=True, intern=True)
class Interned(_Readable):
    def __init__(self, name: str, held: Secrets) -> None:
        fill(self, name, held)


@db0.memo(protect_fields=True, singleton=True)
class Only(_Readable):
    def __init__(self, name: str, held: Secrets) -> None:
        fill(self, name, held)


@db0.memo(protect_fields=True)
@db0.tag_fields("kind")
@db0.indexed_fields("due", "number")
class Declared(_Readable):
    def __init__(self, name: str, held: Secrets) -> None:
        fill(self, name, held)


@db0.memo(singleton=True)
class Shelf:
    """Holds what nothing else does: readable by everybody."""

    def __init__(self) -> None:
        self.items = []
        self.by_name = {}
        self.weak = None


KINDS: dict[str, Any] = {
    "plain": Plain, "derived": Derived, "data": Data, "frozen": Frozen, "part": Frozen, "interned": Interned,
    "only": Only, "declared": Declared,
}  # fmt: skip
FIELDS = ("name", "secret", "number", "items", "due", "kind")


def acting(account: Any, run: Callable[[], _T]) -> _T:
    """Call `run` in a context with an account; `UNSET` is none at all."""
    context = Context()
    if account is not UNSET:
        context.run(ACCOUNT.set, account)
    return context.run(run)


class MaskedWorld:
    """One of the two prefixes, as seen on the head, in a snapshot, or by a reader."""

    def __init__(self, twin: str, where: Any) -> None:
        self.twin = twin
        self.where = where
        self.guess = secrets(TWINS[0], 1)
        """What the attacker believes the second object to hold: right in the first prefix only."""
        self.objects: dict[str, list[Any]] = {}
        """By kind, in the order in which they were made."""
        self.known: dict[str, Any] = {}
        """By kind, an object that holds what is guessed."""

    def meet(self) -> MaskedWorld:
        """Get hold of the objects, as who may read them."""
        acting(ADMIN, self._meet)
        return self

    def _meet(self) -> None:
        shelf = self.shelf()
        for kind in KINDS:
            found = [shelf.by_name[f"{kind} {number}"] for number in range(1 if kind == "only" else COUNT)]
            self.objects[kind] = [one.part for one in found] if kind == "part" else found
            self.known[kind] = shelf.by_name.get(f"{kind} known")

    def all(self, kind: str) -> list[Any]:
        """The objects of a kind."""
        return self.objects[kind]

    def one(self, kind: str) -> Any:
        """The object that is guessed at, or the only one."""
        return self.objects[kind][:2][-1]

    def shelf(self) -> Any:
        return self.where.fetch(Shelf, prefix=self.twin)

    def make(self, kind: str, name: str, held: Secrets) -> Any:
        """Make an object of a kind, as its class does."""
        if kind == "data":
            return Data(held.secret, held.number, held.items, held.due, held.kind, name)
        if kind == "part":
            return Frozen(name, held, Frozen("part" + name, held))
        return KINDS[kind](name, held)


def build(path: Path, masking: dict[str, Any]) -> None:
    """Make both prefixes under the account of the administrator, and let the user read the names."""
    db0.init(path, autocommit=False, data_masking={"context_var": ACCOUNT, **masking})
    for twin in TWINS:
        db0.open(twin)
        for cls in dict.fromkeys(KINDS.values()):
            db0.set_field_access(cls, ADMIN, Mode.values(), *FIELDS, "part")
            db0.set_field_access(cls, USER, [Mode.READ], "name", "part", "open")
        acting(ADMIN, partial(_fill, MaskedWorld(twin, db0)))
        db0.commit()
        acting(ADMIN, partial(_touch, MaskedWorld(twin, db0)))
        db0.commit()


def _fill(world: MaskedWorld) -> None:
    shelf: Any = Shelf()
    for kind in KINDS:
        for number in range(1 if kind == "only" else COUNT):
            made = world.make(kind, f"{kind} {number}", secrets(world.twin, number))
            shelf.items.append(made)
            shelf.by_name[f"{kind} {number}"] = made
            db0.tags(made).add("all", shelf)
        if kind not in ("only", "interned"):
            shelf.by_name[f"{kind} known"] = world.make(kind, f"{kind} 1", world.guess)
    shelf.weak = db0.weak_proxy(shelf.by_name["plain 1"])


def _touch(world: MaskedWorld) -> None:
    """Change the objects that can be changed, so that the states differ."""
    for kind, made in world.meet().objects.items():
        for one in made if kind not in ("frozen", "part", "interned") else ():
            one.number = int(one.number)
            db0.touch(one)
