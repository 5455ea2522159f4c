# cython: language_level=3, boundscheck=False, wraparound=False
"""Mappings and sets with a dictionary in front: what every hot read and write of theirs runs through.

`_perdure_hot_` holds entries in memory: all of them when `_perdure_complete_`. While the record holds the entries
itself, `_perdure_pending_` is None. Later it maps the keys changed since the last flush to what is stored of them:
NEW (nothing), KEPT (an entry, overwritten), DELETED (an entry, to be deleted), MOVED (an entry, deleted and put
again, so that it goes to the end). All but the deleted ones are in the hot dictionary.

The fast paths here run without a switch of threads and need no lock (a mapping being stored is clean already, so
that another thread's change takes the slow path, which waits for the lock): they are for keys of str, int and bytes, whose hash and equality run no Python code.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from perdure.kernel._buffer cimport Buffer, buffer_bytes, buffer_free, buffer_init, put_bytes, put_varint
from perdure.kernel._plain cimport is_plain
from perdure.kernel.codec cimport encode_entry
from perdure.kernel.durable cimport ensure_loaded
from perdure.kernel.keys cimport encode_after

from perdure.errors import CorruptRecordError
from perdure.kernel.codec import decode_values, encode_record, reference_count
from perdure.kernel.keys import decode_one

cdef enum:
    _CLEAN = 1
    _GHOST = 0
    _KEY_BYTES = 384      # keys up to here are never cut
    _PAGE_KEYS = 256
    _PAGE_BYTES = 1600

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
        if self.state <= _CLEAN or not is_quick(key):
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
        ensure_loaded(self)
        return self._perdure_hot_

    def _perdure_all_(self):
        """The hot dictionary if it has all entries, else None; after loading."""
        ensure_loaded(self)
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
        ensure_loaded(self)
        return len(self._perdure_hot_) if self._perdure_pending_ is None else self._perdure_count_

    def __contains__(self, key):
        ensure_loaded(self)
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
                return <object>found
        return self._perdure_find_(key)

    def get(self, key, default=None, /):
        """The value of `key`, or `default`."""
        cdef PyObject* found
        if self.state > _GHOST and is_quick(key):
            found = PyDict_GetItemWithError(self._perdure_hot_, key)
            if found != NULL and type(<object>found) is not weak_type:
                self.touched = 1
                return <object>found
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
        if not self.place(element, None):
            self._perdure_put_(element, None)


cdef class EntryEncoder:
    """The entries of one flush of a collection as keys and records.

    `prefix` begins every key, `ordered` tells a dict from a set, `last` is the number of the last order page;
    the first new one is `step` higher. `records` are the results, `referring` those with references. `finish()`
    gives the new order pages: number, bytes for `read_mentions`, how many keys are mentioned.
    """

    cdef readonly dict records
    cdef readonly list referring
    cdef readonly uint64_t last
    cdef bytes prefix
    cdef bint ordered
    cdef uint64_t step
    cdef object refer
    cdef list pages
    cdef Buffer page
    cdef Py_ssize_t mentioned

    def __cinit__(self):
        buffer_init(&self.page)

    def __dealloc__(self):
        buffer_free(&self.page)

    def __init__(self, bytes prefix not None, bint ordered, uint64_t last, uint64_t step, refer):
        self.prefix = prefix
        self.ordered = ordered
        self.last = last
        self.step = step
        self.refer = refer
        self.records = {}
        self.referring = []
        self.pages = []
        self.mentioned = 0

    cdef int mention(self, bytes key) except -1:
        """Put a whole key on the newest order page, or on the next one when that is full."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(key) - PyBytes_GET_SIZE(self.prefix)
        if self.mentioned >= _PAGE_KEYS or self.page.size >= _PAGE_BYTES:
            self.close_page()
        if not self.mentioned:
            self.last += 1 if self.pages else self.step
        put_varint(&self.page, size)
        put_bytes(&self.page, PyBytes_AS_STRING(key) + PyBytes_GET_SIZE(self.prefix), size)
        self.mentioned += 1
        return 0

    cdef int close_page(self) except -1:
        if self.mentioned:
            self.pages.append((self.last, buffer_bytes(&self.page), self.mentioned))
            self.page.size = 0
            self.mentioned = 0
        return 0

    def finish(self):
        """The order pages."""
        self.close_page()
        return self.pages

    def stored_keys(self, dict pending not None, other):
        """The whole keys of the entries among `pending` that are stored; `other(hot)` gives those not made here."""
        cdef list found = []
        cdef bytes key
        for hot, status in pending.items():
            if status is not _NEW:
                key = self.key_of(hot)
                found.append(other(hot) if key is None else key)
        return found

    def encode(self, dict pending, dict entries not None, dict before, other):
        """Encode what `pending` says of `entries`, or all of them as new ones when it is None.

        `before` has the stored records of those that were stored. `other(hot, status)` is called for what cannot be
        done here: odd keys, and a key that was put first in another form.
        """
        if pending is None:
            for hot, value in entries.items():
                if not self.encode_one(hot, _NEW, value, None):
                    other(hot, _NEW)
            return
        for hot, status in pending.items():
            if not self.encode_one(hot, status, None if status is _DELETED else entries[hot], before):
                other(hot, status)

    cdef bytes key_of(self, hot):
        """The whole key of an entry, or None when it cannot be made here."""
        cdef bytes key
        if not is_quick(hot):
            return None
        key = encode_after(self.prefix, hot)
        return key if PyBytes_GET_SIZE(key) <= PyBytes_GET_SIZE(self.prefix) + _KEY_BYTES else None

    cdef bint encode_one(self, hot, status, value, dict before) except -1:
        cdef bytes data, key = self.key_of(hot)
        cdef bint refers = False
        cdef uint64_t shape_id = 0
        if key is None:
            return False
        if status is _DELETED:
            self.records[key] = None
            return True
        if status is _KEPT:
            if not read_shape_id(before.get(key), &shape_id):
                return False
        elif self.ordered:
            self.mention(key)
            shape_id = 2 * self.last
        data = encode_entry(shape_id, value, self.refer, &refers) if self.ordered else _EMPTY
        self.records[key] = data
        if refers:
            self.referring.append(data)
        return True

    def add(self, bytes key not None, value, number, bint has_key, original):
        """Encode one entry: with `number` None it is mentioned on the newest order page, else on that of the number."""
        cdef tuple values = (value,) if self.ordered else ()
        cdef bytes data, whole = self.prefix + key
        if has_key:
            values += (original,)
        if number is None:
            number = 0
            if self.ordered:
                self.mention(whole)
                number = self.last
        data = encode_record(2 * number + has_key, values, self.refer)
        self.records[whole] = data
        if reference_count(data):
            self.referring.append(data)


cdef bint read_shape_id(bytes data, uint64_t* shape_id):
    """The shape id of a stored entry that has no key of its own; False for others."""
    cdef Py_ssize_t place = 0
    cdef int shift = 0
    if data is None:
        return False
    while place < PyBytes_GET_SIZE(data) and shift < 63:
        shape_id[0] |= <uint64_t>(<unsigned char>PyBytes_AS_STRING(data)[place] & 0x7F) << shift
        if not PyBytes_AS_STRING(data)[place] & 0x80:
            return not shape_id[0] & 1
        shift += 7
        place += 1
    return False


cdef bytes _EMPTY = encode_record(0, (), None)


def collect_entries(pairs, Py_ssize_t skipped, bint ordered, extend, other):
    """Scanned entries, pairs of whole key and record, as a dict: a dict's by key bytes (number, hot key, value), a
    set's by hot key (None). `other(key bytes, record)` gives that triple for an entry with references or an odd key;
    `extend` is for `codec.decode_values`.
    """
    cdef dict found = {}
    cdef bytes key, data
    cdef uint64_t shape_id
    cdef Py_ssize_t size
    for whole, record in pairs:
        key, data = whole[skipped:], record
        shape_id = 0
        entry = None
        if read_shape_id(data, &shape_id):
            size = 1
            while data[size - 1] & 0x80:
                size += 1
            if size < PyBytes_GET_SIZE(data) and data[size] == 0 and PyBytes_GET_SIZE(key) <= _KEY_BYTES:
                hot = decode_one(key)[0]
                if is_quick(hot):
                    values = decode_values(data, size + 1, (), extend) if ordered else None
                    if not ordered or len(values) == 1:
                        entry = (shape_id >> 1, hot, values[0] if ordered else None)
        if entry is None:
            entry = other(key, data)
        if ordered:
            found[key] = entry
        else:
            found[(<tuple>entry)[1]] = None
    return found


def order_entries(dict found not None, pages):
    """What `collect_entries` found of a dict as hot keys and values in the order of its pages (number, mentions)."""
    cdef dict ordered = {}
    for number, mentions in pages:
        for key in mentions:
            entry = found.get(key)
            if entry is not None and (<tuple>entry)[0] == number:
                ordered[(<tuple>entry)[1]] = (<tuple>entry)[2]
    return ordered


def read_mentions(bytes page not None):
    """The keys that an order page mentions."""
    cdef Py_ssize_t place = 0, size = PyBytes_GET_SIZE(page), length
    cdef const unsigned char* data = <const unsigned char*>PyBytes_AS_STRING(page)
    cdef int shift
    cdef list found = []
    while place < size:
        length = shift = 0
        while place < size and data[place] >= 0x80 and shift < 28:
            length |= <Py_ssize_t>(data[place] & 0x7F) << shift
            shift += 7
            place += 1
        if place < size:
            length |= <Py_ssize_t>data[place] << shift
            place += 1
        if place + length > size or length == 0:
            raise CorruptRecordError("damaged order page: a key is cut short")
        found.append(page[place:place + length])
        place += length
    return found


def write_mentions(list found not None):
    """An order page that mentions these keys."""
    cdef Buffer out
    buffer_init(&out)
    try:
        for key in found:
            put_varint(&out, len(<bytes?>key))
            put_bytes(&out, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        return buffer_bytes(&out)
    finally:
        buffer_free(&out)
