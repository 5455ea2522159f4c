"""Keeping tags and indexes in step with the declared fields of an object as these are assigned and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.declared.declarations import (
    check_ancestors,
    effective,
    is_declaring,
    known_classes,
    latest,
    note_class,
    stored_classes,
    watch_declarations,
)
from perdure.declared.migrating import attach_family, attached, index_by_oid
from perdure.declared.stored import declaring_identities, ever_kept, kept_for, managed_names, unsettle
from perdure.declared.values import MISSING, check_tag_value, field_of, tag_key
from perdure.kernel import durable
from perdure.model import Memo, scope
from perdure.model.creation import Factory, chooses_prefix
from perdure.model.fields import canonical
from perdure.model.immutable import is_interned
from perdure.model.memo import watch_classes
from perdure.session import Connection, identity_of

__all__ = ["recall"]

_BUILT = "_perdure_built_"


# -- assigning and deleting --------------------------------------------------------------------------------


def _home(obj: durable.Durable) -> Connection | None:
    owner = durable.owner_of(obj)
    found = owner if owner is not None else durable.get_ambient()
    return found if isinstance(found, Connection) else None


def _assign(obj: Memo, name: str, value: Any, assign: Callable[..., None]) -> None:
    """Assign a field by `assign`, and keep its tags and indexes in step if it is a declared one."""
    home = _home(obj)
    if home is None or durable.state_of(obj) == durable.DEAD:
        assign(obj, name, value)
        return
    building = durable.is_building(obj)
    how = attached(home, type(obj), strict=building).by_name.get(name)
    if how is None:
        assign(obj, name, value)
        return
    with home.lock:
        _check(home, how, obj, name, value)
        if building:
            assign(obj, name, value)
            durable.Durable.__setattr__(obj, _BUILT, True)
            return
        durable.load(obj)
        before = field_of(obj, name)
        try:
            assign(obj, name, value)
        except BaseException:
            before = MISSING  # no value in a traceback: the caller may not be one who may read it
            raise
        try:
            _changed(home, obj, name, (before, field_of(obj, name)))
        except BaseException:
            _restore(obj, name, before)
            raise


def _check(home: Connection, how: tuple[bool, int], obj: Memo, name: str, value: Any) -> None:
    """Refuse a value that cannot be mirrored, before anything is changed."""
    is_tag, index_oid = how
    if is_tag:
        check_tag_value(type(obj), name, value)
    if index_oid and home.writable:
        index_by_oid(home, index_oid)._perdure_accept_(value)


def _restore(obj: Memo, name: str, before: Any) -> None:
    """Undo an assignment whose result, by a setter of the user, is another value, which cannot be mirrored."""
    if before is MISSING:
        durable.remove_field(obj, name)
    else:
        durable.set_field(obj, name, before)


def _delete(obj: Memo, name: str, delete: Callable[..., None]) -> None:
    """Delete a field by `delete`, with its tags and index entries if it is a declared one."""
    home = _home(obj)
    if home is None or durable.state_of(obj) == durable.DEAD or durable.is_building(obj):
        delete(obj, name)
        return
    if name not in attached(home, type(obj)).by_name:
        delete(obj, name)
        return
    with home.lock:
        durable.load(obj)
        before = field_of(obj, name)
        try:
            delete(obj, name)
        except BaseException:
            before = MISSING  # as in `_assign`
            raise
        _changed(home, obj, name, (before, field_of(obj, name)))


def _changed(home: Connection, obj: Memo, name: str, change: tuple[Any, Any]) -> None:
    """Bring tags and indexes in step with a field whose value was the first of `change` and is the second."""
    before, after = change
    managed = attached(home, type(obj))
    is_tag, index_oid = managed.by_name[name]
    old, new = (tag_key(home, before), tag_key(home, after)) if is_tag else (None, None)
    if index_oid:
        index = index_by_oid(home, index_oid)
        if after is not MISSING:
            index._perdure_accept_(after)
        if before is not MISSING:
            index._perdure_file_(obj, before, add=False)
        if after is not MISSING:
            index._perdure_file_(obj, after, add=True)
    if old is not None and old != new:
        fields = durable.fields(obj)
        if old not in {tag_key(home, fields.get(other)) for other in managed.tags if other != name}:
            home.tagging.change(obj, [old], False)
    if new is not None:
        home.tagging.change(obj, [new], True, passive=True)


class _Managing:
    """Makes objects of classes with declared fields: what their `__init__` assigned is mirrored when it has ended."""

    def __init__(self, inner: Factory | None) -> None:
        self.inner = inner

    def create(self, cls: type[Memo], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What calling `cls` returns."""
        if not chooses_prefix(cls):
            prefix = cls._perdure_prefix_
            home = durable.get_ambient() if prefix is None else scope.named(prefix, write=True)
            if isinstance(home, Connection):
                attached(home, cls, strict=True)
        made = durable.construct(cls, args, kwargs) if self.inner is None else self.inner.create(cls, args, kwargs)
        if getattr(made, _BUILT, False):
            durable.Durable.__delattr__(made, _BUILT)
            self._mirror(made)
        elif cls._perdure_frozen_:
            self._mirror(made)
        return made

    def _mirror(self, made: Memo) -> None:
        home = scope.connection_of(made)
        with home.lock:
            try:
                names = attached(home, type(made)).by_name
                if is_interned(made) and canonical(made, home) is not made:
                    return  # the stored one with this content is mirrored already
                for name, value in durable.fields(made).items():
                    if name in names:
                        _changed(home, made, name, (MISSING, value))
            except BaseException:
                if durable.oid_of(made):
                    home.abandoned(made)
                durable.kill(made)
                raise


# -- classes -----------------------------------------------------------------------------------------------


def _install(cls: Any) -> None:
    """Let a memo class with declared fields, or with some that a database still keeps up, mirror them."""
    check_ancestors(cls)
    declared = effective(cls)
    managed_names.update(declared.tags, declared.indexes)
    unsettle()
    if not isinstance(cls._perdure_factory_, _Managing) or "_perdure_factory_" not in cls.__dict__:
        inner = cls._perdure_factory_
        cls._perdure_factory_ = _Managing(inner.inner if isinstance(inner, _Managing) else inner)
    if not cls._perdure_managing_:
        cls._perdure_managing_ = True
        _wrap(cls)
    for base in stored_classes(cls):
        base._perdure_attach_ = classmethod(attach_family)  # type: ignore[attr-defined]


def _wrap(cls: Any) -> None:
    inherited_set, inherited_delete = cls.__setattr__, cls.__delattr__

    def __setattr__(self: Memo, name: str, value: Any) -> None:
        if name in managed_names:
            _assign(self, name, value, inherited_set)
        else:
            inherited_set(self, name, value)

    def __delattr__(self: Memo, name: str) -> None:
        if name in managed_names:
            _delete(self, name, inherited_delete)
        else:
            inherited_delete(self, name)

    cls.__setattr__, cls.__delattr__ = __setattr__, __delattr__


def _made(cls: Any) -> None:
    """Hear of a new memo class."""
    earlier = latest(cls)
    if is_declaring(cls) or any(identity_of(base) in ever_kept for base in stored_classes(cls)):
        _install(cls)
        if earlier is not cls:  # its objects follow what the new definition declares
            _install(earlier)
    note_class(cls)


def recall(connection: Connection) -> None:
    """Hear of a prefix that was opened: classes that declare nothing any more, but did there, have to tidy up."""
    for identity in list(declaring_identities(connection)):
        kept = kept_for(connection, identity)
        managed_names.update(kept.tags, dict(kept.indexes))
        if identity not in ever_kept:
            ever_kept.add(identity)
            for cls in known_classes():
                if any(identity_of(base) == identity for base in stored_classes(cls)):
                    _install(cls)


watch_classes(_made)
watch_declarations(_install)
