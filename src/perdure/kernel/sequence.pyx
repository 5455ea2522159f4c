# cython: language_level=3, boundscheck=False, wraparound=False
"""Sequences as trees of pages: what every read, append and step of an iteration runs through.

A node is a leaf (`_perdure_ends_` is None, `_perdure_items_` are elements) or a branch (its items are child nodes,
its ends the number of elements up to and including each child). The sequence itself is the root; a small one is a
leaf. Appends go to the last leaf without touching the branches above it: their last ends lag behind the root's
`_perdure_length_`, equally far, until the tree changes shape or is stored.

The fast paths here run without a switch of threads and need no lock: a node being stored is clean already, and a
tree that changes its shape has no known last leaf, so that another thread takes the slow path, which waits for the
lock. A reader that finds the tree changing waits for the lock too.
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from perdure.kernel._plain cimport be_loaded, is_plain
from perdure.kernel.durable cimport Durable, Owner, is_free, released, sifting

from contextlib import nullcontext

from perdure.errors import CorruptRecordError
from perdure.kernel.records import WHOLE

cdef extern from "Python.h":
    bint PyList_CheckExact(object)
    bint PyLong_CheckExact(object)
    Py_ssize_t PyLong_AsSsize_t(object) except? -1
    Py_ssize_t PyNumber_AsSsize_t(object, object) except? -1
    bint PyIndex_Check(object)
    int PyObject_RichCompareBool(object, object, int) except -1
    int Py_EQ

cdef enum:
    _GHOST = 0
    _CLEAN = 1
    _LEAF = 256
    _LEAF_RECORD = 0
    _PEEKS = 64           # elements that are read from a page by themselves before it is loaded
    _PAGES_AHEAD = 8      # pages that a cold iteration reads at once
    _WINDOW_FIRST = 8     # objects that it reads at once, doubled up to the last
    _WINDOW_LAST = 128
    _GHOST_GUESS = 256    # bytes of memory that an element of a page is assumed to take, before it is loaded
    _OBJECT_GUESS = 1024  # bytes of memory that an object is assumed to take

LEAF = _LEAF
"""Elements in a full page of a list or tuple."""
LEAF_RECORD = _LEAF_RECORD
"""The first value in the record of a leaf of a list or tuple; the elements follow."""

cdef object weak_type = None


def set_weak_type(kind):
    """Elements of type `kind` are read as their `target`."""
    global weak_type
    weak_type = kind


def convert_all(values, convert):
    """A list of `values`, each plain one as it is and every other one through `convert`."""
    cdef list found = list(values)
    cdef Py_ssize_t index
    for index in range(PyList_GET_SIZE(found)):
        value = <object>PyList_GET_ITEM(found, index)
        if not is_plain(value):
            found[index] = convert(value)
    return found


def read_items(items, Py_ssize_t start, Py_ssize_t stop):
    """A copy of a part of a leaf's items, weak ones as their targets, to be given out."""
    if not PyList_CheckExact(items):
        return items[start:stop]
    cdef list found = (<list>items)[start:stop]
    cdef Py_ssize_t index
    for index in range(PyList_GET_SIZE(found)):
        value = <object>PyList_GET_ITEM(found, index)
        if type(value) is weak_type:
            found[index] = value.target
        elif sifting:
            released(value)
    return found


def find_equal(list items, value, equal):
    """The first place in `items` of what equals `value`, or -1; `equal(item, value)` judges all but plain pairs."""
    cdef Py_ssize_t index = 0
    cdef bint simple = is_simple(value)
    while index < PyList_GET_SIZE(items):
        item = <object>PyList_GET_ITEM(items, index)
        if type(item) is weak_type:
            item = item._perdure_aim_()
        if simple and is_simple(item):
            if PyObject_RichCompareBool(item, value, Py_EQ):
                return index
        elif equal(item, value):
            return index
        index += 1
    return -1


cdef inline bint is_simple(object value):
    return is_plain(value) and not isinstance(value, Durable)


cdef inline Py_ssize_t as_index(object sequence, object index) except? -1:
    if PyIndex_Check(index):
        return PyNumber_AsSsize_t(index, IndexError)
    raise TypeError(f"{type(sequence).__name__} indices must be integers or slices, not {type(index).__name__}")


cdef class Node(Durable):
    """A leaf or branch of the tree; see the module."""

    def _perdure_set_(self, items, list ends):
        """Change items and ends in one step, as other threads see it."""
        self._perdure_items_ = items
        self._perdure_ends_ = ends


cdef inline Node child_of(Node branch, Py_ssize_t* index):
    """The child of a branch below which the element at `index` is; `index` becomes its place below the child."""
    cdef list ends = branch._perdure_ends_
    cdef list items = <list>branch._perdure_items_
    cdef Py_ssize_t low = 0, high = PyList_GET_SIZE(ends) - 1, middle
    while low < high:
        middle = (low + high) >> 1
        if PyLong_AsSsize_t(<object>PyList_GET_ITEM(ends, middle)) > index[0]:
            high = middle
        else:
            low = middle + 1
    if low:
        index[0] -= PyLong_AsSsize_t(<object>PyList_GET_ITEM(ends, low - 1))
    if low >= PyList_GET_SIZE(items):
        raise CorruptRecordError(f"damaged page #{branch.oid}: it has fewer children than it counts")
    return <Node>PyList_GET_ITEM(items, low)


cdef class HotSequence(Node):
    """The root of a sequence, with the reading that its subclasses share. A subclass has `_perdure_slice_(slice)`.

    `_perdure_changing_` is set, and there is no `_perdure_tail_`, while the tree changes its shape.
    """

    cdef Node locate(self, Py_ssize_t index, Py_ssize_t* offset):
        """The leaf of the element at `index`, and its place there; the root must be loaded, the index valid."""
        cdef unsigned long long version = self._perdure_version_
        cdef bint switched = False
        cdef Py_ssize_t place = index
        cdef Node node = self
        if not self._perdure_changing_:
            while node._perdure_ends_ is not None:
                node = child_of(node, &place)
                if node.state <= _GHOST:
                    switched = True
                be_loaded(node)
            if (not switched or self._is_still(version)) and place < len(node._perdure_items_):
                offset[0] = place
                return node
        return self.locate_alone(index, offset)

    cdef bint _is_still(self, unsigned long long version):
        return self._perdure_version_ == version and not self._perdure_changing_

    cdef Node reach(self, Py_ssize_t index, Py_ssize_t* offset):
        """The leaf of the element at `index`, or the first page above it that is not loaded; its place there."""
        cdef Node node = self
        offset[0] = index
        while node.state > _GHOST and node._perdure_ends_ is not None:
            node = child_of(node, offset)
        return node

    cdef object peek(self, Node page, Py_ssize_t place):
        """An element of a page that is not loaded, by itself, while the page was hardly used; else `WHOLE`.

        A loaded page costs memory for every object that it refers to, loaded or not.
        """
        cdef unsigned long long version = self._perdure_version_
        if page.state != _GHOST or page.peeks >= _PEEKS or page.owner is None or self._perdure_changing_:
            return WHOLE
        page.peeks += 1
        value = page.owner.peek(page, place + 1, _LEAF_RECORD)
        return value if self._is_still(version) else WHOLE

    cdef Node locate_alone(self, Py_ssize_t index, Py_ssize_t* offset):
        """The same with the owner's lock held, so that nobody changes the tree meanwhile."""
        cdef Node node = self
        cdef Py_ssize_t place = index
        with self.owner.lock if self.owner is not None else nullcontext():
            if index >= len(self):
                raise IndexError(f"{type(self).__name__} index out of range")
            while node._perdure_ends_ is not None:
                node = child_of(node, &place)
                be_loaded(node)
            if place >= len(node._perdure_items_):
                raise CorruptRecordError(f"damaged page #{node.oid}: it has fewer elements than its list counts")
            offset[0] = place
            return node

    cdef list ghosts_ahead(self, Py_ssize_t index):
        """Ids of the leaf of the element at `index` and of the next ones, if that leaf is not loaded; else empty."""
        cdef Node parent = self, child
        cdef list found = [], siblings
        cdef Py_ssize_t start, place = index
        if self._perdure_changing_ or self._perdure_ends_ is None:
            return found
        child = child_of(parent, &place)
        while child.state > _GHOST and child._perdure_ends_ is not None:
            parent = child
            child = child_of(parent, &place)
        if child.state != _GHOST:
            return found
        siblings = <list>parent._perdure_items_
        start = siblings.index(child)
        for child in siblings[start:start + _PAGES_AHEAD]:
            if child.state == _GHOST:
                found.append(child.oid)
        return found

    def _perdure_set_(self, items, list ends):
        """The same; what was remembered about the shape of the tree is forgotten."""
        self._perdure_length_ = ends[len(ends) - 1] if ends else 0
        self._perdure_items_ = items
        self._perdure_ends_ = ends
        self._perdure_tail_ = None
        self._perdure_version_ += 1

    def _perdure_find_(self, Py_ssize_t index):
        """The leaf of the element at `index` and its place there."""
        cdef Py_ssize_t offset
        be_loaded(self)
        cdef Node node = self.locate(index, &offset)
        return node, offset

    def _perdure_part_(self, Py_ssize_t start, Py_ssize_t stop, bint raw):
        """A copy of the elements from `start` to `stop`, as far as they are in one leaf; IndexError beyond the end."""
        cdef Py_ssize_t offset
        be_loaded(self)
        if start >= len(self):
            raise IndexError(start)
        cdef Node node = self.locate(start, &offset)
        stop = min(len(node._perdure_items_), offset + stop - start)
        return node._perdure_items_[offset:stop] if raw else read_items(node._perdure_items_, offset, stop)

    def __len__(self):
        be_loaded(self)
        return self._perdure_length_ if self._perdure_ends_ is not None else len(self._perdure_items_)

    def __getitem__(self, index):
        cdef Py_ssize_t place, length, offset
        cdef object value
        cdef Node node = self
        if isinstance(index, slice):
            return self._perdure_slice_(index)
        place = as_index(self, index)
        be_loaded(self)
        length = self._perdure_length_ if self._perdure_ends_ is not None else len(self._perdure_items_)
        if place < 0:
            place += length
        if not 0 <= place < length:
            raise IndexError(f"{type(self).__name__} index out of range")
        if self._perdure_ends_ is not None:
            node = self.reach(place, &offset)
            if node.state <= _GHOST or self._perdure_changing_ or offset >= len(node._perdure_items_):
                value = self.peek(node, offset)
                if value is not WHOLE:
                    return released(value)
                node = self.locate(place, &offset)
            place = offset
        if not PyList_CheckExact(node._perdure_items_):
            return node._perdure_items_[place]
        value = <object>PyList_GET_ITEM(node._perdure_items_, place)
        return value.target if type(value) is weak_type else released(value)

    def __iter__(self):
        cdef SequenceIterator iterator = SequenceIterator()
        be_loaded(self)
        iterator.sequence = self
        return iterator

    def _perdure_forget_(self):
        self._perdure_items_ = None
        self._perdure_ends_ = None
        self._perdure_tail_ = None
        self._perdure_version_ += 1


cdef class HotList(HotSequence):
    """A sequence with writing.

    Its subclass has `_perdure_convert_`, `_perdure_append_(value)`, `_perdure_assign_(index or slice, value)` and
    `_perdure_delete_(index or slice)`.
    """

    def append(self, value):
        """Add an element at the end."""
        cdef Node tail
        if not is_plain(value):
            value = self._perdure_convert_("", value)
        if is_free(self):
            if self._perdure_ends_ is None:
                (<list>self._perdure_items_).append(value)
                return
            tail = self._perdure_tail_
            if tail is not None and tail.state > _CLEAN and PyList_GET_SIZE(<list>tail._perdure_items_) < _LEAF:
                (<list>tail._perdure_items_).append(value)
                self._perdure_length_ += 1
                return
        self._perdure_append_(value)

    def __setitem__(self, index, value):
        cdef Py_ssize_t place, length
        cdef Node node = self
        if self.state > _GHOST and PyLong_CheckExact(index) and is_plain(value):
            place = PyNumber_AsSsize_t(index, IndexError)
            length = self._perdure_length_ if self._perdure_ends_ is not None else len(self._perdure_items_)
            if place < 0:
                place += length
            if 0 <= place < length:
                if self._perdure_ends_ is not None:
                    node = self.locate(place, &place)
                if is_free(node):
                    (<list>node._perdure_items_)[place] = value
                    return
        self._perdure_assign_(index, value)

    def __delitem__(self, index):
        self._perdure_delete_(index)


include "sequence_iterator.pxi"
