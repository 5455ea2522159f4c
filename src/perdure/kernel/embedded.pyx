# cython: language_level=3, boundscheck=False, wraparound=False
"""What values are in write-once objects: containers become ones that cannot be changed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from cpython.object cimport PyObject

from perdure.kernel.durable cimport Durable, get_field, look_into, put_field, set_freezer

from perdure.kernel.durable import fields

cdef extern from *:
    """
    /* A tuple of a subtype with the items of a list. */
    static PyObject* perdure_tuple(PyObject* kind, PyObject* items) {
        Py_ssize_t index, count = PyList_GET_SIZE(items);
        PyObject* made = ((PyTypeObject*)kind)->tp_alloc((PyTypeObject*)kind, count);
        if (made == NULL) return NULL;
        for (index = 0; index < count; index++) {
            PyObject* item = PyList_GET_ITEM(items, index);
            Py_INCREF(item);
            PyTuple_SET_ITEM(made, index, item);
        }
        return made;
    }
    """
    object perdure_tuple(object kind, list items)

cdef extern from "Python.h":
    bint PyObject_GC_IsTracked(object)
    void PyObject_GC_Track(PyObject*)
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


cdef object tuple_type = EmbeddedTuple
cdef object set_type = EmbeddedSet
cdef object new_set = frozenset.__new__


# As with Python's own tuples, the garbage collector need not look at what is in no cycle: plain values, containers of
# such, and write-once objects that belong nowhere yet. When an object gets an owner, which holds it in turn, it and
# what it holds are looked at again: see `watch_again` and `embedding`.

cdef inline bint is_leaf(object value):
    """Values through which no cycle can go."""
    cdef object kind = type(value)
    if is_plain(value):
        return True
    if kind is tuple_type or kind is EmbeddedDict or kind is set_type or isinstance(value, Durable):
        return not PyObject_GC_IsTracked(value)
    return kind in SIMPLE


cdef int watch_again(object container) except -1:
    """Let the garbage collector see a container, which may be in a cycle from here on."""
    cdef dict content
    if not PyObject_GC_IsTracked(container):
        PyObject_GC_Track(<PyObject*>container)
    if type(container) is EmbeddedDict:
        content = (<EmbeddedDict>container).content
        if not PyObject_GC_IsTracked(content):
            PyObject_GC_Track(<PyObject*>content)
    return 0


cdef object make_tuple(list items, bint leaf):
    cdef object made = perdure_tuple(tuple_type, items)
    if leaf:
        PyObject_GC_UnTrack(<PyObject*>made)
    return made


cdef object make_set(object members):
    cdef object made = new_set(set_type, members)
    for item in made:
        if not is_leaf(item):
            return made
    PyObject_GC_UnTrack(<PyObject*>made)
    return made


cdef object make_dict(dict content, bint leaf):
    cdef EmbeddedDict made = EmbeddedDict.__new__(EmbeddedDict)
    made.content = content
    if leaf:
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
    """Convert the fields of an object that is complete to what never changes; its class says what it takes."""
    freeze_fields(obj)


cdef int freeze_fields(Durable obj) except -1:
    """`freeze`; whether no field can be in a cycle."""
    cdef int index
    cdef bint leaf = True
    cdef unsigned long long mask = obj.mask
    cdef object value, changed
    if mask & WIDE:
        for name, value in fields(obj).items():
            changed = freeze_field(obj, name, value)
            if changed is not value:
                put_field(obj, obj.layout.position(name), changed)
        return False
    for index in range(obj.layout.count):
        if mask >> index == 0:
            break
        if mask >> index & 1:
            value = get_field(obj, index)
            if not is_plain(value):
                changed = freeze_field(obj, <object>obj.layout.slots[index], value)
                if changed is not value:
                    put_field(obj, index, changed)
                leaf = leaf and is_leaf(changed)
    return leaf


set_freezer(freeze_fields)


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
    if kind is list or kind is dict:
        return False
    if kind is tuple_type or kind is set_type or kind is EmbeddedDict or kind in SIMPLE:
        return True
    return (kind is datetime or kind is time) and (value.tzinfo is None or value.tzinfo is UTC)


cdef object freeze_container(Durable obj, object value):
    """The read-only form of a container; None for anything else."""
    if isinstance(value, (list, tuple)):
        return freeze_items(obj, value)
    if isinstance(value, dict):
        return freeze_dict(obj, value)
    if isinstance(value, EmbeddedDict):
        return value
    if isinstance(value, (set, frozenset)):
        return make_set([freeze_item(obj, item) for item in value])
    if isinstance(value, bytearray):
        return bytes(value)
    return None


cdef object freeze_items(Durable obj, object value):
    cdef list items = []
    cdef bint leaf = True
    for item in value:
        if not is_plain(item):
            item = freeze_item(obj, item)
            leaf = leaf and is_leaf(item)
        items.append(item)
    return make_tuple(items, leaf)


cdef object freeze_dict(Durable obj, object value):
    cdef dict content = {}
    cdef bint leaf = True
    if type(value) is dict and is_all_plain(<dict>value):
        return make_dict((<dict>value).copy(), True)
    for key, item in value.items():
        if not is_plain(key):
            key = freeze_item(obj, key)
            leaf = leaf and is_leaf(key)
        if not is_plain(item):
            item = freeze_item(obj, item)
            leaf = leaf and is_leaf(item)
        content[key] = item
    return make_dict(content, leaf)


cdef bint is_all_plain(dict value) except -1:
    for key, item in value.items():
        if not (is_plain(key) and is_plain(item)):
            return False
    return True


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
        return view_items(list(<tuple>value))
    if kind is dict:
        return view_dict(<dict>value)
    if kind is frozenset:
        return make_set(value)
    return value


cdef object view_items(list items):
    cdef Py_ssize_t index
    cdef bint leaf = True
    for index in range(len(items)):
        item = items[index]
        if not is_plain(item):
            item = items[index] = load_view(item)
            leaf = leaf and is_leaf(item)
    return make_tuple(items, leaf)


cdef object view_dict(dict value):
    cdef bint leaf = True
    for key in value:
        if not is_plain(key):
            value = {load_view(key): item for key, item in value.items()}
            leaf = False
            break
    for key, item in value.items():
        if not is_plain(item):
            item = value[key] = load_view(item)
            leaf = leaf and is_leaf(item)
    return make_dict(value, leaf)


cdef object view_set(list members):
    return make_set(members)
