# Reading versions: one key, many keys, a scan. Part of versions.pyx.

def open_value(bytes physical, bytes stored, int space=0):
    """Kind and value of a stored version, after checking it."""
    cdef int kind = _check(space, physical, stored)
    return kind, _value(stored)


def open_head(bytes key, bytes stored, int space=0):
    """The value of a key that has no versions, after checking it."""
    if _check(space, key, stored) != 0:
        raise _damage(space, key, "has an unknown kind")
    return _value(stored)


def read_version(int space, bytes key, item, fold=None):
    """The value that `item`, the entry found by seeking `key ‖ suffix(state)`, gives for `key`.

    `item` is None or a pair of physical key and stored value. None if it belongs to another key or is a
    tombstone. A delta is given to `fold(space, key, physical)`, which reads the rest of the chain.
    """
    return read_item(space, key, item, fold)


cdef object read_item(int space, bytes key, object item, object fold):
    cdef bytes physical, stored
    cdef Py_ssize_t size
    cdef uint64_t state = 0
    if item is None:
        return None
    physical, stored = item
    size = PyBytes_GET_SIZE(key)
    if PyBytes_GET_SIZE(physical) <= size or memcmp(_data(physical), _data(key), size) != 0:
        return None
    cdef Py_ssize_t found = _key_size(_data(physical), PyBytes_GET_SIZE(physical), &state)
    if found != size:
        if found < 0:
            raise _damage(space, physical, "has no version in its key")
        return None
    return _read_stored(space, key, physical, stored, fold)


cdef object _read_stored(int space, bytes key, bytes physical, bytes stored, object fold):
    cdef int kind = _check(space, physical, stored)
    if kind == 0:
        return _value(stored)
    if kind == 1:
        return None
    if fold is None:
        raise _damage(space, physical, "is a delta where none can be")
    return fold(space, key, physical)


def read_versions(int space, list keys, list items, fold=None):
    """`read_version` for many keys and the entries found for them."""
    return [read_item(space, key, item, fold) for key, item in zip(keys, items)]


def read_run(int space, list keys, state, scan, fold=None):
    """`read_version` for sorted `keys` that lie close together: entries are stepped over rather than sought.

    `scan(physical)` iterates over the entries at or after a physical key.
    """
    cdef list out = []
    cdef bytes key, physical, stored, end = suffix(state)
    cdef Py_ssize_t index = 0, start, count = len(keys), size, passed
    cdef uint64_t version = 0, newest = _state(state)
    cdef int order
    while index < count:
        passed = 0
        start = index
        key = keys[index]
        for physical, stored in scan(key + end):
            size = _key_size(_data(physical), PyBytes_GET_SIZE(physical), &version)
            if size < 0:
                raise _damage(space, physical, "has no version in its key")
            order = _compare(key, physical, size)
            value = None
            while order < 0 or (order == 0 and version <= newest):
                if order == 0 and value is None:
                    value = _read_stored(space, key, physical, stored, fold)
                out.append(value)
                index += 1
                if index == count:
                    return out
                key = keys[index]
                order = _compare(key, physical, size)
                passed = 0
            passed += 1
            if passed > _STEPS and index > start:
                break
        else:
            out.extend([None] * (count - index))
            return out
    return out


cdef inline int _compare(bytes key, bytes physical, Py_ssize_t size) noexcept:
    """The order of `key` against the first `size` bytes of `physical`."""
    cdef Py_ssize_t own = PyBytes_GET_SIZE(key)
    cdef int order = memcmp(_data(key), _data(physical), own if own < size else size)
    return order if order else (own > size) - (own < size)


cdef class _Folder:
    """Gathers the versions of one key, newest first or oldest first, into its value as of a state."""
    cdef int space
    cdef uint64_t state
    cdef object fold
    cdef bytes key
    cdef list deltas
    cdef bytes base
    cdef bint found  # a version at or before the state was seen
    cdef bint settled  # newest first: nothing older matters

    cdef void start(self, bytes key):
        self.key = key
        self.deltas = None
        self.base = None
        self.found = self.settled = False

    cdef int newest_first(self, uint64_t state, bytes physical, bytes stored) except -1:
        if self.settled or state > self.state:
            return 0
        cdef int kind = _check(self.space, physical, stored)
        self.found = True
        if kind == 2:
            if self.deltas is None:
                self.deltas = []
            self.deltas.append(_value(stored))
            return 0
        self.settled = True
        self.base = _value(stored) if kind == 0 else None
        return 0

    cdef int oldest_first(self, uint64_t state, bytes physical, bytes stored) except -1:
        if state > self.state:
            return 0
        cdef int kind = _check(self.space, physical, stored)
        self.found = True
        if kind == 2:
            if self.deltas is None:
                self.deltas = []
            self.deltas.insert(0, _value(stored))
            return 0
        self.deltas = None
        self.base = _value(stored) if kind == 0 else None
        return 0

    cdef int emit(self, list out) except -1:
        """Append the key and its value, if it has one."""
        if not self.found:
            return 0
        cdef object value = self.base
        if self.deltas is not None:
            if self.fold is None:
                raise _damage(self.space, self.key, "is a delta where none can be")
            value = self.fold(self.base, self.deltas)
        if value is not None:
            out.append((self.key, value))
        return 0


cdef inline bint _is_key(bytes key, bytes physical, Py_ssize_t size) noexcept:
    return key is not None and PyBytes_GET_SIZE(key) == size and memcmp(_data(key), _data(physical), size) == 0


def fold_scan(pairs, bytes lo, bytes hi, state, int space, Py_ssize_t limit, fold=None, bint reverse=False):
    """Newest values as of `state` among physical `pairs`, for keys with `lo <= key < hi` (hi None: no end).

    Gives `(items, resume)`: at most about `limit` pairs of key and value in the order of `pairs`, and the
    key from which the scan goes on (inclusive; reverse: keys before it, exclusive), or None at the end.
    `fold(base | None, deltas newest first)` gives the value of a chain of deltas.
    """
    cdef _Folder folder = _Folder()
    cdef list out = []
    cdef bytes physical, stored, last = None
    cdef uint64_t version = 0
    cdef Py_ssize_t size, looked = 0
    folder.space = space
    folder.state = _state(state)
    folder.fold = fold
    folder.start(None)
    for physical, stored in pairs:
        looked += 1
        size = _key_size(_data(physical), PyBytes_GET_SIZE(physical), &version)
        if size < 0:
            raise _damage(space, physical, "has no version in its key")
        if not _is_key(folder.key, physical, size):
            folder.emit(out)
            last = last if folder.key is None else folder.key
            folder.start(physical[:size])
            if (folder.key < lo) if reverse else (hi is not None and folder.key >= hi):
                return out, None
            if (hi is not None and folder.key >= hi) if reverse else folder.key < lo:
                folder.start(None)
                continue
            if last is not None and (len(out) >= limit or looked >= limit * _SCAN_FACTOR):
                return out, (last if reverse else folder.key)
        if reverse:
            folder.oldest_first(version, physical, stored)
        else:
            folder.newest_first(version, physical, stored)
    folder.emit(out)
    return out, None


def open_scan(pairs, bytes lo, bytes hi, int space, Py_ssize_t limit, bint reverse=False):
    """`fold_scan` for a space without versions: checked pairs of key and value, and where to go on."""
    cdef list out = []
    cdef bytes key, stored
    for key, stored in pairs:
        if (key < lo) if reverse else (hi is not None and key >= hi):
            return out, None
        if (hi is not None and key >= hi) if reverse else key < lo:
            continue
        if len(out) >= limit:
            return out, (out[-1][0] if reverse else key)
        out.append((key, open_head(key, stored, space)))
    return out, None
