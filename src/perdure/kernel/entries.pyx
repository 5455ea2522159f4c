# cython: language_level=3, boundscheck=False, wraparound=False
"""Entries of large dicts and sets between a hot dictionary and the store: the loops of a flush and of a full read.

The statuses of changed entries are those of `mapping`. An order page mentions keys: length and bytes of each.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

from perdure.kernel._buffer cimport Buffer, buffer_bytes, buffer_free, buffer_init, put_bytes, put_varint
from perdure.kernel.codec cimport encode_entry
from perdure.kernel.keys cimport encode_after

from perdure.errors import CorruptRecordError
from perdure.kernel.codec import decode_values, encode_record, reference_count
from perdure.kernel.keys import decode_one
from perdure.kernel.mapping import DELETED, KEPT, NEW

cdef enum:
    _KEY_BYTES = 384      # keys up to here are never cut
    _PAGE_KEYS = 256
    _PAGE_BYTES = 1600

cdef object _NEW = NEW
cdef object _KEPT = KEPT
cdef object _DELETED = DELETED


cdef inline bint is_quick(object key):
    cdef object kind = type(key)
    return kind is str or kind is int or kind is bytes


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
