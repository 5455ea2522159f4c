# cython: language_level=3, boundscheck=False, wraparound=False
"""Finding the newest version of one key, through a transaction that many share."""

from perdure.kernel.locks cimport RecursiveLock
from perdure.kernel.versions cimport read_item


cdef class Seeker:
    """Finds versions in one space.

    `move(physical)` goes to the first entry at or after a physical key and tells whether there is one, `item()` gives
    it: a cursor of the transaction, set by `use` and taken away by `drop`. Without one, or when it fails,
    `again(space, physical)` is asked for the entry. `guard` is held meanwhile.
    """

    def __init__(self, int space, RecursiveLock guard not None, again):
        self.space = space
        self._guard = guard
        self._again = again

    def use(self, move, item):
        """Seek through this cursor from now on."""
        self._move = move
        self._item = item

    def drop(self):
        """The cursor is no longer to be used."""
        self._move = self._item = None

    def newest(self, bytes key not None, bytes suffix not None, fold=None):
        """The value of `key` as of the state of which `suffix` is; see `versions.read_version`."""
        return self.find(key, suffix, fold)

    cdef object find(self, bytes key, bytes suffix, object fold):
        cdef bytes physical = key + suffix
        cdef object item
        self._guard.take()
        try:
            item = self._seek(physical)
        finally:
            self._guard.give()
        return read_item(self.space, key, item, fold)

    cdef object _seek(self, bytes physical):
        cdef object move = self._move
        cdef object item = self._item
        if move is not None:
            try:
                return item() if move(physical) else None
            except Exception:
                pass  # mostly a transaction that was ended; what else it may be, the other way says better
        return self._again(self.space, physical)
