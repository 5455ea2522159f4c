"""The durable dict."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Generic, overload

from perdure.collections.comparing import equal, guard, register_content
from perdure.collections.convert import Converting, convert, register_conversion
from perdure.collections.entries import ABSENT, KEYS, KeyedMethods, read_value
from perdure.collections.keying import hot_key
from perdure.collections.parameters import K, V
from perdure.collections.placing import check_place, describe_lost
from perdure.collections.views import Items, Keys, Values
from perdure.kernel import durable, mapping
from perdure.session import Weak, register_builtin

__all__ = ["Dict"]


@register_content
@register_builtin(4)
class Dict(KeyedMethods, mapping.HotDict, Generic[K, V]):
    """A dict that lives in a database, of any size: it has every method of Python's dict, and its order.

    Python containers put into it become durable ones; so do the values of a conversion from a plain dict. Durable
    objects are keys by identity.

    >>> ages = Dict({"Ada": 36}, Grace=85)
    >>> ages["Alan"] = 41; ages
    {'Ada': 36, 'Grace': 85, 'Alan': 41}
    """

    __slots__ = ()
    _perdure_ordered_ = True

    def __init__(
        self, iterable: Mapping[K, V] | Dict[K, V] | Iterable[tuple[K, V]] | None = None, /, **named: Any
    ) -> None:
        check_place()
        self._perdure_begin_()
        self._perdure_fill_(() if iterable is None else iterable, named, Converting())

    def _perdure_convert_(self, name: str, value: object) -> object:
        return convert(value)

    def _perdure_fill_(self, source: Any, named: Mapping[str, Any], converting: Converting) -> None:
        own: Dict[Any, Any] = self
        for key, value in _pairs(source):
            own[key] = converting.convert(value)
        for name, value in named.items():
            own[name] = converting.convert(value)

    # -- reading -------------------------------------------------------------------------------------------

    if TYPE_CHECKING:  # what the kernel gives

        def __getitem__(self, key: K) -> V: ...
        def __setitem__(self, key: K, value: V) -> None: ...
        @overload
        def get(self, key: K, default: None = None, /) -> V | None: ...
        @overload
        def get(self, key: K, default: V, /) -> V: ...
        @overload
        def get(self, key: Any, default: Any, /) -> Any: ...
        def get(self, key: Any, default: Any = None, /) -> Any:
            """See `mapping.HotDict.get`."""

    def _perdure_find_(self, key: Any) -> Any:
        found = self._perdure_raw_(hot_key(key))
        if found is ABSENT:
            raise KeyError(key)
        return read_value(found)

    def _perdure_get_(self, key: Any, default: Any) -> Any:
        found = self._perdure_raw_(hot_key(key))
        return default if found is ABSENT else read_value(found)

    def __iter__(self) -> Iterator[K]:
        whole = self._perdure_whole_()
        if whole is not None and not self._perdure_special_:
            return iter(whole)
        return (key for key, _ in self._perdure_pairs_(KEYS))

    def __reversed__(self) -> Iterator[K]:
        return (key for key, _ in self._perdure_backwards_(KEYS))

    def keys(self) -> KeysView[K]:
        """A view of the keys."""
        return Keys(self)

    def values(self) -> ValuesView[V]:
        """A view of the values."""
        return Values(self)

    def items(self) -> ItemsView[K, V]:
        """A view of the pairs."""
        return Items(self)

    # -- changing ------------------------------------------------------------------------------------------

    def _perdure_delete_(self, key: Any) -> None:
        if self._perdure_take_(hot_key(key)) is ABSENT:
            raise KeyError(key)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: Any, default: Any, /) -> Any: ...
    def pop(self, key: Any, default: Any = ABSENT, /) -> Any:
        """Remove a key and give its value; `default`, or KeyError, when it is not there."""
        hot = hot_key(key)
        with guard(self):
            durable.mark_dirty(self)
            found = self._perdure_raw_(hot)
            if found is ABSENT:
                if default is ABSENT:
                    raise KeyError(key)
                return default
            found = read_value(found)
            self._perdure_take_(hot)
            return found

    def popitem(self) -> tuple[K, V]:
        """Remove the last pair and give it; KeyError when there is none."""
        with guard(self):
            durable.mark_dirty(self)
            for key, value in self._perdure_backwards_():
                self._perdure_take_(hot_key(key))
                return key, value
        raise KeyError("popitem(): dictionary is empty")

    def setdefault(self, key: K, default: Any = None, /) -> V:
        """The value of `key`, which becomes `default` when it is not there."""
        with guard(self):
            found: V = self.get(key, ABSENT)
            if found is ABSENT:
                self[key] = default
                return self[key]
            return found

    def update(self, iterable: Any = (), /, **named: Any) -> None:
        """Put the pairs of a mapping or iterable, and named ones."""
        self._perdure_fill_(iterable, named, Converting())

    # -- new ones ------------------------------------------------------------------------------------------

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], value: Any = None, /) -> Dict:
        """A new durable dict with the same value for every key."""
        result: Dict[Any, Any] = cls()
        shared = convert(value)
        for key in iterable:
            result[key] = shared
        return result

    def copy(self) -> Dict[K, V]:
        """A new durable dict of the same keys and values."""
        return Dict(self)

    __copy__ = copy

    def __or__(self, other: Any) -> Dict[K, V]:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        result = Dict(self)
        result.update(other)
        return result

    def __ror__(self, other: Any) -> Dict[K, V]:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        result = Dict(other)
        result.update(self)
        return result

    def __ior__(self, other: Any) -> Dict[K, V]:
        self.update(other)
        return self

    # -- comparing -----------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        if self is other:
            return True
        if len(self) != len(other):
            return False
        for key, value in other.items():
            found = self.get(key, ABSENT)
            if found is ABSENT or not equal(found, value):
                return False
        return True

    __hash__ = None  # type: ignore[assignment]

    @recursive_repr("{...}")
    def __repr__(self) -> str:
        return describe_lost(self) or "{" + ", ".join(f"{key!r}: {value!r}" for key, value in self.items()) + "}"


def _pairs(source: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(source, (dict, Dict)):
        return list(source.items())
    if hasattr(source, "keys"):
        return [(key, source[key]) for key in source.keys()]  # noqa: SIM118
    return _checked_pairs(source)


def _checked_pairs(source: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for number, pair in enumerate(source):
        try:
            items = tuple(pair)
        except TypeError:
            raise TypeError(f"cannot convert dictionary update sequence element #{number} to a sequence") from None
        if len(items) != 2:
            raise ValueError(f"dictionary update sequence element #{number} has length {len(items)}; 2 is required")
        yield items


def _convert_dict(value: dict[Any, Any], converting: Converting) -> Dict:
    result = Dict()
    converting.note(value, result)
    result._perdure_fill_(value, {}, converting)
    return result


register_conversion(dict, _convert_dict)
mapping.set_weak_type(Weak)
MutableMapping.register(Dict)
