# Objects that are looked at more closely: fields whose every use is asked for, values that may not be given out.
# Others pay nothing for it: the fields of a watched class are not found by the quick loops. Part of durable.pyx.

READ = "read"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"


class _Granted:
    __slots__ = ()

    def __repr__(self):
        return "<granted>"


GRANTED = _Granted()

cdef object granted = GRANTED
cdef unsigned char quick = 1  # `touched` of objects that give their fields out as they are: of none while sifting
cdef object watcher = None
cdef object sifter = None
cdef object view_type = None


def set_watcher(check):
    """Have `check(obj, name, operation)` called before each use of a field of a watched class by anything but the
    store itself. `operation` is READ, CREATE, UPDATE or DELETE; it raises to refuse. For READ it returns GRANTED, or
    what is read instead of the value. Returns what was called before.
    """
    global watcher
    before, watcher = watcher, check
    return before


cdef int read_marks(Layout layout, cls) except -1:
    """What the class says of itself from its start."""
    layout.watched = bool(getattr(cls, "_perdure_watched_", False))
    layout.restricted = bool(getattr(cls, "_perdure_restricted_", False))
    return 0


def watch(cls, bint watched=True):
    """Watch the instances of exactly `cls`, or end that. A class with a true `_perdure_watched_` is from its start."""
    cdef Layout layout = layout_of(cls)
    layout.watched = watched
    layout.inline_count = 0 if watched else min(layout.count, _INLINE)


def set_sifter(check):
    """Have `check(obj)` called before an object of a restricted class is given out; it raises to refuse.

    Returns what was called before; None is nothing.
    """
    global sifter, sifting, quick
    before, sifter = sifter, check
    sifting = check is not None
    quick = 2 if sifting else 1
    return before


def restrict(cls, bint restricted=True):
    """Look at the instances of exactly `cls` when they are given out, or end that."""
    layout_of(cls).restricted = restricted


cdef int sift(object value) except -1:
    """Ask for a value, and for what is in it where that can be reached without asking."""
    if isinstance(value, Durable):
        if (<Durable>value).layout.restricted:
            sifter(value)
    elif isinstance(value, (tuple, frozenset)):
        for item in value:
            sift(item)
    elif view_type is not None and type(value) is view_type:
        for key, item in value.items():
            sift(key)
            sift(item)
    return 0


def release(value):
    """A value that is given out. Raises what the sifter raises when it must not be."""
    return released(value)


def is_sifting():
    """Whether values are to be looked at before they are given out."""
    return sifting != 0


cdef int look_into(object kind) except -1:
    """Look into values of type `kind`, a mapping, as into tuples."""
    global view_type
    view_type = kind
    return 0


cdef object ask(Durable self, str name, str operation):
    if watcher is None:
        raise PermissionError(f"{type(self).__qualname__}.{name}: nothing here can tell who may {operation} it")
    return watcher(self, name, operation)


cdef bint has_field(Durable self, int index) except -1:
    if index < _SLOTS:
        return self.mask & (1ULL << index) != 0
    return self.mask & WIDE and self.layout.names[index] in <dict>PyObject_GenericGetDict(self, NULL)


cdef bint is_default(object cls, str name) except -1:
    """Whether a class has a value that stands for a field of its instances: no method or property."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return not hasattr(type(base.__dict__[name]), "__get__")
    return False


cdef object read_watched(Durable self, str name):
    """The full path of reading an attribute."""
    cdef Layout layout = self.layout
    cdef PyObject* position = NULL
    cdef int index = -1
    cdef object answer
    self.touched = 1
    if not _is_volatile(name) and not _needs_no_state(name):
        position = PyDict_GetItemWithError(layout.positions, name)
    if position == NULL:
        return PyObject_GenericGetAttr(self, name)
    index = <object>position
    if not has_field(self, index):
        index = -1
    if layout.watched and (index >= 0 or is_default(layout.cls, name)):
        answer = ask(self, name, READ)
        if answer is not granted:
            return answer
        ensure_loaded(self)  # what was asked may have run any code
        if index >= 0 and not has_field(self, index):
            index = -1
    if 0 <= index < _INLINE:
        return released(perdure_taken(PERDURE_FIELD(self, index)))
    return released(PyObject_GenericGetAttr(self, name))


cdef bint ask_assignment(Durable self, int index, str name) except -1:
    """Ask for the right to create or change a field; whether it is one to be created."""
    ensure_loaded(self)
    if self.layout.frozen and not self.building:
        refuse_change(self)
    cdef bint there = has_field(self, index)
    ask(self, name, UPDATE if there else CREATE)
    return not there


cdef int ask_again(Durable self, int index, str name) except -1:
    """A field that was to be created is there now: another thread was quicker."""
    if has_field(self, index):
        ask(self, name, UPDATE)
    return 0


cdef int ask_deletion(Durable self, int index, str name) except -1:
    """Ask for the right to delete a field, if it is there."""
    ensure_loaded(self)
    if self.layout.frozen and not self.building:
        refuse_change(self)
    if has_field(self, index):
        ask(self, name, DELETE)
    return 0


def visible_fields(Durable obj, left_out=()):
    """`fields` of the loaded object as the caller may see them, without those `left_out`."""
    ensure_loaded(obj)
    cdef dict found = fields(obj)
    cdef object name, answer
    for name in left_out:
        found.pop(name, None)
    if not obj.layout.watched and not sifting:
        return found
    for name in list(found):
        answer = ask(obj, name, READ) if obj.layout.watched else granted
        found[name] = released(found[name]) if answer is granted else answer
    return found


def remove_field(Durable obj, str name):
    """Delete a field without asking: a store's own work."""
    ensure_writable(obj)
    drop_field(obj, obj.layout.position(name))
