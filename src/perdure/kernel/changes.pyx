# cython: language_level=3, boundscheck=False, wraparound=False
"""Changes of tags and indexes that wait for a flush: their buffers, the calls that fill them, the loops that empty them.

A buffer keeps its changes in plain lists, which the garbage collector passes over quickly, and is filled without a
lock: an append happens in one step, and a flush takes what is there from the front.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from perdure.kernel.durable cimport Durable, Owner, ensure_loaded, ensure_writable, guarded
from perdure.kernel.keys cimport encode_after

from perdure.kernel.keys import encode_uint

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object)
    bint PyLong_CheckExact(object)

cdef enum:
    _DEAD = -1
    _GHOST = 0
    _CLEAN = 1
    _INT_KIND = 1
    _STR_KIND = 3

REMOVE = 0
ADD = 1
ADD_PASSIVE = 2

cdef object _REMOVE = REMOVE
cdef object _ADD = ADD
cdef object _ADD_PASSIVE = ADD_PASSIVE


cdef class Changes:
    """What to do with which objects, in order: an object, a value, and how (`ADD`, `REMOVE`, `ADD_PASSIVE`)."""

    def __cinit__(self):
        self.objects = []
        self.values = []
        self.hows = []

    def __len__(self):
        return len(self.hows)

    cdef int append(self, Durable obj, object value, object how) except -1:
        self.objects.append(obj)
        self.values.append(value)
        self.hows.append(how)
        return 0

    def add(self, Durable obj not None, value, how):
        """Append a change."""
        self.append(obj, value, how)

    def clear(self):
        """Forget all changes."""
        self.objects.clear()
        self.values.clear()
        self.hows.clear()

    def unidentified(self):
        """The objects without an id among those that the next `take` will give."""
        cdef list found = []
        cdef Durable obj
        for item in list(self.objects):
            obj = <Durable>item
            if obj.oid == 0 and obj.state != _DEAD and not obj.building:
                found.append(obj)
        return found

    def take(self, adopt):
        """Remove and return the changes: lists of object ids, values and hows, and the set of the objects' types.

        `adopt(obj)` gives an object its id. Changes of dead objects are dropped; those of objects whose
        `__init__` is running stay, for a later call.
        """
        cdef Py_ssize_t size = len(self.hows), index
        cdef list objects = self.objects[:size], values = self.values[:size], hows = self.hows[:size]
        cdef list oids = [], kept = [], how = []
        cdef set types = set()
        cdef object last = None
        cdef Durable obj
        del self.hows[:size]
        del self.values[:size]
        del self.objects[:size]
        for index in range(size):
            obj = <Durable>objects[index]
            if obj.state == _DEAD:
                continue
            if obj.building:
                self.append(obj, values[index], hows[index])
                continue
            oids.append(obj.oid if obj.oid else adopt(obj))
            kept.append(values[index])
            how.append(hows[index])
            if type(obj) is not last:
                last = type(obj)
                types.add(last)
        return oids, kept, how, types


def encode_ids(list oids):
    """`keys.encode_uint` of each of `oids`."""
    cdef list found = []
    for oid in oids:
        found.append(encode_id(oid))
    return found


cdef bytes encode_id(object oid):
    cdef unsigned char data[3]
    cdef uint64_t number = oid
    if number < 0x80:
        data[0] = <unsigned char>number
        return (<char*>data)[:1]
    if number < 0x4080:
        number -= 0x80
        data[0] = <unsigned char>(0x80 | number >> 8)
        data[1] = <unsigned char>number
        return (<char*>data)[:2]
    if number < 0x204080:
        number -= 0x4080
        data[0] = <unsigned char>(0xC0 | number >> 16)
        data[1] = <unsigned char>(number >> 8)
        data[2] = <unsigned char>number
        return (<char*>data)[:3]
    return encode_uint(oid)


def group_alike(list first, list second, list ids, list encoded):
    """`{(first, second): (ids, encoded ids)}` of those that have both in common."""
    cdef dict groups = {}
    cdef Py_ssize_t index
    cdef tuple pair, group
    cdef PyObject* found
    for index in range(len(ids)):
        pair = (first[index], second[index])
        found = PyDict_GetItemWithError(groups, pair)
        if found == NULL:
            group = ([], [])
            groups[pair] = group
        else:
            group = <tuple>found
        (<list>group[0]).append(ids[index])
        (<list>group[1]).append(encoded[index])
    return groups


def add_pairs(bytes start, list oids, list encoded, dict content, dict holders, list sizes):
    """Write both entries of one new pair of each of `oids` with the key in `encoded`, and count a holder of each.

    `start` is the encoded id of the index; `sizes[n]` is the value that tells a member's part of n bytes.
    """
    cdef bytes forward = start + b"\0", reverse = start + b"\1"
    cdef list members = encode_ids(oids)
    cdef Py_ssize_t index
    cdef bytes member
    cdef PyObject* found
    cdef object total
    for index in range(len(oids)):
        member = <bytes>members[index]
        content[joined(forward, encoded[index], member)] = sizes[PyBytes_GET_SIZE(member)]
    for index in range(len(oids)):
        content[reverse + <bytes>members[index]] = encoded[index]
        oid = oids[index]
        found = PyDict_GetItemWithError(holders, oid)
        total = 1 if found == NULL else <object>found + 1
        if total:
            holders[oid] = total
        else:
            del holders[oid]


cdef bytes joined(bytes first, bytes second, bytes third):
    cdef Py_ssize_t one = PyBytes_GET_SIZE(first), two = PyBytes_GET_SIZE(second), three = PyBytes_GET_SIZE(third)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, one + two + three)
    cdef char* data = PyBytes_AS_STRING(out)
    memcpy(data, PyBytes_AS_STRING(first), one)
    memcpy(data + one, PyBytes_AS_STRING(second), two)
    memcpy(data + one + two, PyBytes_AS_STRING(third), three)
    return out


cdef class Tagger:
    """Fast path of the tag manager: texts that were used before, added to one object.

    Everything else goes to the methods of the subclass: `_check(target)`, `_add(tags)`. `texts` maps a tuple of
    texts to their keys, `taggable` has the types known to be good targets, `whole` the types of queries among them.
    """

    def __init__(self, *targets, bint passive=False):
        for target in targets:
            if type(target) not in taggable:
                self._check(target)
        self._targets = targets
        self._passive = passive

    def add(self, *tags):
        """Add tags: each argument is a tag or an iterable of tags; one that is there already changes nothing.

        Raises `RuntimeError` for what is no tag, before anything is changed.
        """
        cdef PyObject* keys
        cdef Durable target
        cdef Owner owner
        if len(self._targets) == 1 and isinstance(self._targets[0], Durable) and only_texts(tags):
            target = <Durable>self._targets[0]
            owner = target.owner
            if target.state != _DEAD and owner is not None and owner.writable and owner.gate is None and not guarded:
                keys = PyDict_GetItemWithError(texts, tags)
                if keys != NULL:
                    (<Changes?>owner.tag_changes).append(target, <object>keys, _ADD_PASSIVE if self._passive else _ADD)
                    return
        self._add(tags)


cdef bint only_texts(tuple tags):
    for tag in tags:
        if not PyUnicode_CheckExact(tag):
            return False
    return True


cdef dict texts = {}
cdef set taggable = set()
TEXTS = texts
TAGGABLE = taggable
FILEABLE = set()
cdef set fileable = FILEABLE


cdef class Filing(Durable):
    """Fast path of the index: an int or str as the key of an object of the same database.

    Everything else goes to `_perdure_add_(key, obj)` of the subclass. `_perdure_kind_` is the type of the keys.
    """

    def add(self, key, obj, /):
        """Add a pair; one that is there already changes nothing.

        Raises `RuntimeError` for a key of another type than the index has, and for what is no memo object.
        """
        cdef Durable member
        ensure_loaded(self)
        if (
            type(obj) in fileable
            and (self._perdure_kind_ == _INT_KIND and PyLong_CheckExact(key)
                 or self._perdure_kind_ == _STR_KIND and PyUnicode_CheckExact(key))
            and self._perdure_changes_ is not None
            and self.owner is not None
        ):
            member = <Durable>obj
            if member.owner is self.owner and not member.building:
                encoded = encode_after(b"", key)
                ensure_writable(self)
                if self._perdure_changes_ is not None:  # while it waited, another thread may have undone a block
                    (<Changes?>self._perdure_changes_).append(member, encoded, _ADD)
                    ensure_writable(self)  # again: another thread may have flushed since
                    return
        self._perdure_add_(key, obj)
