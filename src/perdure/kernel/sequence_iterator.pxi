# Iteration over a sequence. Part of sequence.pyx.

cdef class SequenceIterator:
    """Steps through a sequence by index, as a list's iterator does: it sees what is appended meanwhile.

    Pages that are not in memory are read some at a time. So are objects, once the user of the iteration has
    loaded those given before.
    """

    def __iter__(self):
        return self

    def __next__(self):
        cdef object value
        if self.sequence is None:
            raise StopIteration
        while True:
            if (
                self.node is None or self.version != self.sequence._perdure_version_
                or self.items is not self.node._perdure_items_ or self.offset >= PyList_GET_SIZE(self.items)
            ) and not self.advance():
                self.sequence = None
                raise StopIteration
            if self.offset < self.checkpoint:
                break
            self.look_ahead()
        value = <object>PyList_GET_ITEM(self.items, self.offset)
        self.offset += 1
        self.index += 1
        return value.target if type(value) is weak_type else released(value)

    cdef bint advance(self) except -1:
        """Go to the leaf of the present index; False at the end."""
        cdef HotSequence sequence = self.sequence
        cdef list pages
        if self.index >= len(sequence):
            return False
        self.follow_use()
        pages = sequence.ghosts_ahead(self.index)
        if len(pages) > 1 and sequence.owner is not None and (
            len(pages) * _LEAF * _GHOST_GUESS < sequence.owner.budget // 4
        ):
            sequence.owner.prefetch(pages)
        try:
            be_loaded(sequence)
            self.node = sequence.locate(self.index, &self.offset)
        except IndexError:
            return False
        self.items = self.node._perdure_items_
        self.version = sequence._perdure_version_
        self.checkpoint = self.offset if self.window else self.offset + _WINDOW_FIRST
        if not PyList_CheckExact(self.items):
            raise TypeError("not a list page")
        return True

    cdef int follow_use(self) except -1:
        """Find out whether the last object given was loaded since."""
        cdef object value = None
        if self.items is not None and 0 < self.offset <= PyList_GET_SIZE(self.items):
            value = <object>PyList_GET_ITEM(self.items, self.offset - 1)
        if isinstance(value, Durable) and (<Durable>value).state > _GHOST:
            self.window = min(max(2 * self.window, _WINDOW_FIRST), _WINDOW_LAST)
        elif self.items is not None:
            self.window = 0
        return 0

    cdef int look_ahead(self) except -1:
        """Read the next objects if the last ones were used."""
        cdef Durable obj
        cdef Owner owner = self.sequence.owner
        cdef list wanted = []
        cdef Py_ssize_t place, end
        if self.offset:
            self.follow_use()
        end = min(self.offset + max(self.window, _WINDOW_FIRST), PyList_GET_SIZE(self.items))
        self.checkpoint = end
        if self.window and owner is not None and self.window * _OBJECT_GUESS < owner.budget // 4:
            for place in range(self.offset, end):
                value = <object>PyList_GET_ITEM(self.items, place)
                if isinstance(value, Durable):
                    obj = <Durable>value
                    if obj.state == _GHOST and obj.owner is owner:
                        wanted.append(obj.oid)
            if len(wanted) > 1:
                owner.prefetch(wanted)
        return 0

    def __length_hint__(self):
        return 0 if self.sequence is None else max(0, len(self.sequence) - self.index)
