# cython: language_level=3, boundscheck=False, wraparound=False
"""Mappings and sets with a dictionary in front: what every hot read and write of theirs runs through.

`_perdure_hot_` holds entries in memory: all of them when `_perdure_complete_`. While the record holds the entries
itself, `_perdure_pending_` is None. Later it maps the keys changed since the last flush to what is stored of them:
NEW (nothing), KEPT (an entry, overwritten), DELETED (an entry, to be deleted), MOVED (an entry, deleted and put
again, so that it goes to the end). All but the deleted ones are in the hot dictionary.

The fast paths here run without a switch of threads and need no lock (a mapping being stored is clean already, so
that another thread's change takes the slow path, which waits for the lock): they are for keys of str, int and bytes, whose hash and equality run no Python code.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject

from perdure.kernel._plain cimport be_loaded, is_plain
from perdure.kernel.durable cimport is_free, released

cdef enum:
    _GHOST = 0

NEW = 0
KEPT = 1
DELETED = 2
MOVED = 3

cdef object _NEW = NEW
cdef object _KEPT = KEPT
cdef object _DELETED = DELETED
cdef object _MOVED = MOVED
cdef object weak_type = None


def set_weak_type(kind):
    """Values of type `kind` are read as their `target`."""
    global weak_type
    weak_type = kind


cdef inline bint is_quick(object key):
    cdef object kind = type(key)
    return kind is str or kind is int or kind is bytes


cdef class HotMapping(Durable):
    """What dict and set share.

    `_perdure_count_` is the number of entries when the record does not hold them, `_perdure_weight_` an estimate of
    the hot dictionary's bytes, `_perdure_last_` the number of the last order page (-1: not known), and
    `_perdure_special_` tells that a hot key or value needs unwrapping. A subclass has `_perdure_has_(key)`,
    which looks further when the hot dictionary does not answer.
    """

    cdef int place(self, object key, object value) except -1:
        """Write where no lock, conversion or reading is needed; 0 when one is."""
        cdef PyObject* status
        if not is_free(self) or not is_quick(key):
            return 0
        if self._perdure_pending_ is None:
            self._perdure_hot_[key] = value
            return 1
        status = PyDict_GetItemWithError(self._perdure_pending_, key)
        if status != NULL and <object>status is not _DELETED:
            self._perdure_hot_[key] = value
            return 1
        if not self._perdure_complete_:
            return 0
        if status != NULL:
            del self._perdure_pending_[key]
            self._perdure_pending_[key] = _MOVED
            self._perdure_count_ += 1
        elif key in self._perdure_hot_:
            self._perdure_pending_[key] = _KEPT
        else:
            self._perdure_pending_[key] = _NEW
            self._perdure_count_ += 1
        self._perdure_hot_[key] = value
        return 1

    def _perdure_entries_(self):
        """The hot dictionary, after loading."""
        be_loaded(self)
        return self._perdure_hot_

    def _perdure_all_(self):
        """The hot dictionary if it has all entries, else None; after loading."""
        be_loaded(self)
        return self._perdure_hot_ if self._perdure_complete_ else None

    def _perdure_swap_(self, dict hot, bint complete):
        """Replace the hot dictionary, in one step as other threads see it."""
        self._perdure_hot_ = hot
        self._perdure_complete_ = complete

    def _perdure_empty_(self, dict pending, Py_ssize_t count):
        """Begin with no entries in memory; with `pending`, those stored are changed as it tells. One step, too."""
        self._perdure_hot_ = {}
        self._perdure_complete_ = pending is None or count == 0
        self._perdure_pending_ = pending
        self._perdure_count_ = count

    def _perdure_complete_with_(self, dict stored not None):
        """Add the changes that are not stored yet to all stored entries, which become the hot dictionary. One step."""
        for hot, status in (self._perdure_pending_ or {}).items():
            if status is not _KEPT:
                stored.pop(hot, None)
            if status is not _DELETED:
                stored[hot] = self._perdure_hot_[hot]
        self._perdure_hot_ = stored
        self._perdure_complete_ = True

    def _perdure_write_(self, hot, value, bint known):
        """Set an entry that is in the hot dictionary already (`known`), or nowhere. In one step, too."""
        cdef object status
        if self._perdure_pending_ is not None:
            status = self._perdure_pending_.get(hot)
            if known and status is None:
                self._perdure_pending_[hot] = _KEPT
            elif not known and (status is None or status is _DELETED):
                self._perdure_pending_.pop(hot, None)
                self._perdure_pending_[hot] = _NEW if status is None else _MOVED
                self._perdure_count_ += 1
        self._perdure_hot_[hot] = value

    def _perdure_erase_(self, hot):
        """Remove an entry that is in the hot dictionary; its value. In one step, too."""
        value = self._perdure_hot_.pop(hot)
        if self._perdure_pending_ is not None:
            if self._perdure_pending_.pop(hot, _KEPT) is not _NEW:
                self._perdure_pending_[hot] = _DELETED
            self._perdure_count_ -= 1
        return value

    def __len__(self):
        be_loaded(self)
        return len(self._perdure_hot_) if self._perdure_pending_ is None else self._perdure_count_

    def __contains__(self, key):
        be_loaded(self)
        if is_quick(key) and PyDict_GetItemWithError(self._perdure_hot_, key) != NULL:
            return True
        return self._perdure_has_(key)

    def _perdure_forget_(self):
        self._perdure_hot_ = None
        self._perdure_pending_ = None
        self._perdure_complete_ = False
        self._perdure_special_ = False
        self._perdure_weight_ = 0


cdef class HotDict(HotMapping):
    """A mapping. Its subclass has `_perdure_convert_`, and for what is not hot or not quick `_perdure_find_(key)`,
    `_perdure_get_(key, default)`, `_perdure_put_(key, value)` and `_perdure_delete_(key)`.
    """

    def __getitem__(self, key):
        cdef PyObject* found
        if self.state > _GHOST and is_quick(key):
            found = PyDict_GetItemWithError(self._perdure_hot_, key)
            if found != NULL and type(<object>found) is not weak_type:
                self.touched = 1
                return released(<object>found)
        return self._perdure_find_(key)

    def get(self, key, default=None, /):
        """The value of `key`, or `default`."""
        cdef PyObject* found
        if self.state > _GHOST and is_quick(key):
            found = PyDict_GetItemWithError(self._perdure_hot_, key)
            if found != NULL and type(<object>found) is not weak_type:
                self.touched = 1
                return released(<object>found)
        return self._perdure_get_(key, default)

    def __setitem__(self, key, value):
        if not is_plain(value):
            value = self._perdure_convert_("", value)
            if type(value) is weak_type:
                self._perdure_put_(key, value)
                return
        if not self.place(key, value):
            self._perdure_put_(key, value)

    def __delitem__(self, key):
        self._perdure_delete_(key)


cdef class HotSet(HotMapping):
    """A set: a mapping of its elements to None. Its subclass has `_perdure_put_(key, None)`."""

    def add(self, element):
        """Add an element; nothing happens when it is there."""
        if self.state > _GHOST and is_quick(element) and element in self._perdure_hot_:
            return
        if not self.place(element, None):
            self._perdure_put_(element, None)
