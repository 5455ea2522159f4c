# Sealing many versions: sorted by key, each made when it is asked for. Part of versions.pyx.

cdef class Sealed:
    """Physical pairs in key order, each made when it is asked for; `sorted_keys` are the keys without the state.

    Made one at a time they never lie in memory all at once, which for a large commit is most of its cost.
    """
    cdef readonly list sorted_keys
    cdef list _values
    cdef uint8_t _end[_SUFFIX_MAX]
    cdef int _tail
    cdef int _space

    def __len__(self):
        return len(self.sorted_keys)

    def __getitem__(self, index):
        cdef Sealed part
        if not isinstance(index, slice):
            return self._pair(self.sorted_keys[index], self._values[index])
        part = Sealed.__new__(Sealed)
        part.sorted_keys = self.sorted_keys[index]
        part._values = self._values[index]
        part._tail = self._tail
        part._space = self._space
        memcpy(part._end, self._end, _SUFFIX_MAX)
        return part

    def __iter__(self):
        cdef _SealedIterator iterator = _SealedIterator.__new__(_SealedIterator)
        iterator._sealed = self
        return iterator

    cdef tuple _pair(self, bytes key, object value):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
        cdef bytes physical = PyBytes_FromStringAndSize(NULL, size + self._tail)
        memcpy(PyBytes_AS_STRING(physical), PyBytes_AS_STRING(key), size)
        memcpy(PyBytes_AS_STRING(physical) + size, self._end, self._tail)
        if value is None:
            return physical, _stored(self._space, physical, 1, b"")
        return physical, _stored(self._space, physical, 0, <bytes?> value)


cdef class _SealedIterator:
    cdef Sealed _sealed
    cdef Py_ssize_t _position

    def __iter__(self):
        return self

    def __next__(self):
        cdef Py_ssize_t position = self._position
        if position >= len(self._sealed.sorted_keys):
            raise StopIteration
        self._position = position + 1
        return self._sealed._pair(<bytes?> self._sealed.sorted_keys[position], self._sealed._values[position])


cdef struct Item:
    uint64_t word  # of the key, behind what all keys begin with
    PyObject* key
    PyObject* value


cdef int _order_items(const void* left, const void* right) noexcept nogil:
    cdef const Item* first = <const Item*>left
    cdef const Item* second = <const Item*>right
    cdef Py_ssize_t size, other
    cdef int order
    if first.word != second.word:
        return -1 if first.word < second.word else 1
    size, other = PERDURE_SIZE(first.key), PERDURE_SIZE(second.key)
    order = memcmp(PERDURE_BYTES(first.key), PERDURE_BYTES(second.key), size if size < other else other)
    return order if order else (size > other) - (size < other)


cdef Sealed _sealed(dict items, int space, bint with_none):
    """The items by key: the pointers are sorted rather than the objects, which lie anywhere in memory."""
    cdef Sealed sealed = Sealed.__new__(Sealed)
    cdef Py_ssize_t position = 0, count = 0, index, shared = PY_SSIZE_T_MAX, size
    cdef PyObject* key
    cdef PyObject* value
    cdef bint ordered = True
    cdef Item* table = <Item*>PyMem_Malloc(sizeof(Item) * (len(items) or 1))
    if table == NULL:
        raise MemoryError()
    try:
        while PyDict_Next(items, &position, &key, &value):
            if not PyBytes_CheckExact(<object>key):
                raise TypeError(f"a key is bytes, not {type(<object>key).__name__}")
            if not with_none and <object>value is None:
                continue
            table[count].word, table[count].key, table[count].value = 0, key, value
            if count:
                shared = _shared(table[count - 1].key, key, shared)
                ordered = ordered and _order_items(&table[count - 1], &table[count]) <= 0
            count += 1
        if not ordered:
            for index in range(count):
                table[index].word = _word(table[index].key, shared)
            qsort(table, count, sizeof(Item), _order_items)
        sealed.sorted_keys = [<object>table[index].key for index in range(count)]
        sealed._values = [<object>table[index].value for index in range(count)]
    finally:
        PyMem_Free(table)
    sealed._space = space
    return sealed


cdef Py_ssize_t _shared(PyObject* left, PyObject* right, Py_ssize_t most) noexcept:
    """How many bytes both keys begin with, at most `most`."""
    cdef const uint8_t* first = <const uint8_t*>PERDURE_BYTES(left)
    cdef const uint8_t* second = <const uint8_t*>PERDURE_BYTES(right)
    cdef Py_ssize_t index = 0
    most = min(most, PERDURE_SIZE(left), PERDURE_SIZE(right))
    while index < most and first[index] == second[index]:
        index += 1
    return index


cdef uint64_t _word(PyObject* key, Py_ssize_t start) noexcept:
    """Eight bytes of a key as a number that sorts as they do; a shorter key goes on with zeros."""
    cdef const uint8_t* data = <const uint8_t*>PERDURE_BYTES(key)
    cdef Py_ssize_t size = PERDURE_SIZE(key)
    cdef uint64_t word = 0
    cdef int index
    for index in range(8):
        word = word << 8 | (data[start + index] if start + index < size else 0)
    return word


def sorted_items(dict items not None):
    """The keys of a dict in order, and their values."""
    cdef Sealed sealed = _sealed(items, 0, True)
    return sealed.sorted_keys, sealed._values


def seal_many(dict items not None, state, int space=0):
    """Physical pairs, in key order, of new versions: `{key: value, or None for a tombstone}`; see `Sealed`."""
    cdef Sealed sealed = _sealed(items, space, True)
    sealed._tail = _write_suffix(_state(state), sealed._end)
    return sealed


def seal_head(bytes key, bytes value, int space=0):
    """The stored value of a key that has no versions."""
    return _stored(space, key, 0, value)


def seal_heads(dict items not None, int space=0):
    """Pairs, in key order, of the keys of a space without versions that have a value; see `Sealed`."""
    return _sealed(items, space, False)
