# cython: language_level=3, boundscheck=False, wraparound=False
"""What values are in write-once objects: containers become ones that cannot be changed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from cpython.object cimport PyObject

from perdure.kernel.durable cimport Durable, get_field, look_into, put_field

from perdure.kernel.durable import fields, set_freezer

cdef extern from "Python.h":
    bint PyObject_GC_IsTracked(object)
    void PyObject_GC_UnTrack(PyObject*)

cdef enum:
    _GHOST = 0

cdef unsigned long long WIDE = 1ULL << 63
cdef frozenset SIMPLE = frozenset([date, timedelta, UUID, Decimal, complex, range])


class EmbeddedTuple(tuple):
    """What a tuple or list is in an immutable object: a tuple."""

    __slots__ = ()


class EmbeddedSet(frozenset):
    """What a set is in an immutable object: a frozenset."""

    __slots__ = ()


cdef object new_tuple = tuple.__new__
cdef object new_set = frozenset.__new__


cdef inline bint is_leaf(object value):
    """Values through which no cycle can go: plain ones, and containers of such."""
    cdef object kind = type(value)
    if is_plain(value) or kind in SIMPLE:
        return True
    return (kind is EmbeddedTuple or kind is EmbeddedDict or kind is EmbeddedSet) and not PyObject_GC_IsTracked(value)


# As with Python's own tuples, the garbage collector need not look at containers that are in no cycle: with many
# graphs in memory its work would take longer than making them.

cdef object make_tuple(list items):
    cdef object made = new_tuple(EmbeddedTuple, items)
    for item in items:
        if not is_leaf(item):
            return made
    PyObject_GC_UnTrack(<PyObject*>made)
    return made


cdef object make_set(object members):
    cdef object made = new_set(EmbeddedSet, members)
    for item in made:
        if not is_leaf(item):
            return made
    PyObject_GC_UnTrack(<PyObject*>made)
    return made


cdef object make_dict(dict content):
    cdef EmbeddedDict made = EmbeddedDict.__new__(EmbeddedDict)
    made.content = content
    for key, item in content.items():
        if not (is_leaf(key) and is_leaf(item)):
            return made
    PyObject_GC_UnTrack(<PyObject*>content)
    PyObject_GC_UnTrack(<PyObject*>made)
    return made


cdef class EmbeddedDict:
    """What a dict is in an immutable object: a mapping that cannot be changed."""

    def __init__(self, content=()):
        if self.content is not None:
            raise TypeError("an EmbeddedDict cannot be changed")
        self.content = dict(content)

    def __len__(self):
        return len(self.content)

    def __contains__(self, key):
        return key in self.content

    def __getitem__(self, key):
        return self.content[key]

    def __iter__(self):
        return iter(self.content)

    def get(self, key, default=None):
        """The value of `key`, or `default`."""
        return self.content.get(key, default)

    def keys(self):
        """An iterator over the keys."""
        return iter(self.content)

    def values(self):
        """An iterator over the values."""
        return iter(self.content.values())

    def items(self):
        """An iterator over pairs of key and value."""
        return iter(self.content.items())

    def __eq__(self, other):
        if isinstance(other, EmbeddedDict):
            return self.content == (<EmbeddedDict>other).content
        return self.content == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None

    def __repr__(self):
        return repr(self.content)

    def __reduce__(self):
        return EmbeddedDict, (dict(self.content),)


Mapping.register(EmbeddedDict)
look_into(EmbeddedDict)


# -- from Python values to the fields of a complete object -------------------------------------------------------


def freeze(Durable obj):
    """Convert the fields of an object that is complete to what never changes; its class says what it takes.

    Whether no field can be in a cycle.
    """
    cdef int index
    cdef bint leaf = True
    cdef object value, changed
    if obj.mask & WIDE:
        for name, value in fields(obj).items():
            changed = freeze_field(obj, name, value)
            if changed is not value:
                put_field(obj, obj.layout.position(name), changed)
        return False
    for index in range(obj.layout.count):
        if obj.mask & (1ULL << index):
            value = get_field(obj, index)
            if not is_plain(value):
                changed = freeze_field(obj, <object>obj.layout.slots[index], value)
                if changed is not value:
                    put_field(obj, index, changed)
                leaf = leaf and is_leaf(changed)
    return leaf


set_freezer(freeze)


cdef object freeze_field(Durable obj, object name, object value):
    cdef object found
    if is_frozen_value(value):
        return value
    try:
        found = freeze_container(obj, value)
    except (TypeError, RecursionError) as error:
        raise obj._perdure_unsupported_(name, value, error) from error
    if found is not None:
        return found
    found = obj._perdure_convert_(name, value)
    return found if found is value else freeze_result(obj, found)


cdef object freeze_result(Durable obj, object value):
    """What a conversion gave may be a container in turn: a tuple of a subclass becomes a tuple."""
    cdef object found = freeze_container(obj, value)
    return value if found is None else found


cdef inline bint is_frozen_value(object value):
    cdef object kind
    if is_plain(value):
        return True
    kind = type(value)
    if isinstance(value, Durable):
        return (<Durable>value).layout.frozen and not (<Durable>value).building and (<Durable>value).state > _GHOST
    if kind is EmbeddedTuple or kind is EmbeddedSet or kind is EmbeddedDict or kind in SIMPLE:
        return True
    return (kind is datetime or kind is time) and (value.tzinfo is None or value.tzinfo is UTC)


cdef object freeze_container(Durable obj, object value):
    """The read-only form of a container; None for anything else."""
    if isinstance(value, (list, tuple)):
        return make_tuple([freeze_item(obj, item) for item in value])
    if isinstance(value, dict):
        return make_dict({freeze_item(obj, key): freeze_item(obj, item) for key, item in value.items()})
    if isinstance(value, EmbeddedDict):
        return value
    if isinstance(value, (set, frozenset)):
        return make_set([freeze_item(obj, item) for item in value])
    if isinstance(value, bytearray):
        return bytes(value)
    return None


cdef object freeze_item(Durable obj, object value):
    cdef object found
    if is_frozen_value(value):
        return value
    found = freeze_container(obj, value)
    if found is not None:
        return found
    found = obj._perdure_item_(value)
    return found if found is value else freeze_result(obj, found)


# -- from stored values --------------------------------------------------------------------------------------


cdef object load_view(object value):
    """A decoded value as immutable objects show it."""
    cdef object kind = type(value)
    if kind is tuple:
        return make_tuple([item if is_plain(item) else load_view(item) for item in <tuple>value])
    if kind is dict:
        for key, item in (<dict>value).items():
            if not is_plain(key):
                return make_dict({load_view(key): load_view(item) for key, item in (<dict>value).items()})
            if not is_plain(item):
                (<dict>value)[key] = load_view(item)
        return make_dict(<dict>value)
    if kind is frozenset:
        return make_set(value)
    return value


cdef object view_set(list members):
    return make_set(members)
