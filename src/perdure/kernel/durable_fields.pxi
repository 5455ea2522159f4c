# What is read from the fields of an object and written to them as a whole. Part of durable.pyx.

cdef int ensure_changeable(Durable self) except -1:
    """Load an object that is going to be changed."""
    if self.owner is None and self.state == _GHOST:
        raise ClosedObjectError(describe(self) + " is no longer accessible: its database was closed")
    return ensure_loaded(self)


def layout_for(cls):
    """The layout shared by the instances of `cls`."""
    return layout_of(cls)


def mask_of(Durable obj):
    """The bit mask of the fields that the object has; above 2**63 when it has more names than bits."""
    return obj.mask


def is_wide(Durable obj):
    """Whether the mask cannot name all fields of the object."""
    return obj.mask & WIDE != 0


def fields(Durable obj):
    """A new dict of the stored fields, without loading: names in the order in which the class first saw them."""
    cdef int index
    cdef dict found = {}
    for index in range(obj.layout.count):
        if obj.mask & (1ULL << index):
            found[<object>obj.layout.slots[index]] = get_field(obj, index)
    if obj.mask & WIDE:
        for name, value in (<dict>PyObject_GenericGetDict(obj, NULL)).items():
            if name not in found and not _is_volatile(name) and not _needs_no_state(name):
                found[name] = value
    return found


def field_values(Durable obj):
    """The stored fields' values in layout order, without loading. Not for wide objects."""
    cdef int index
    cdef list found = []
    for index in range(obj.layout.count):
        if obj.mask & (1ULL << index):
            found.append(get_field(obj, index))
    return found


def restore_fields(Durable obj, tuple names, list values):
    """Set loaded fields on a ghost, also those that the class now handles by a data descriptor."""
    cdef Py_ssize_t index
    cdef int position
    for index in range(len(names)):
        position = obj.layout.position(names[index])
        if position >= 0:
            put_field(obj, position, values[index])
        else:
            (<dict>PyObject_GenericGetDict(obj, NULL))[names[index]] = values[index]
            obj.mask |= WIDE


def set_class(Durable obj, cls):
    """Make `obj` an instance of `cls`, another definition of its class; what it has loaded stays.

    Raises TypeError when Python lays out instances of the two in different ways.
    """
    cdef Layout layout = layout_of(cls)
    cdef dict found = fields(obj)
    cdef unsigned char volatile = obj.volatile
    others = {name: value for name, value in (<dict>PyObject_GenericGetDict(obj, NULL)).items() if name not in found}
    PyObject_GenericSetAttr(obj, "__class__", cls)
    clear_fields(obj)
    obj.layout = layout
    obj.volatile = volatile
    obj.touched = 0
    restore_fields(obj, tuple(found), list(found.values()))
    (<dict>PyObject_GenericGetDict(obj, NULL)).update(others)


def set_field(Durable obj, str name, value):
    """Set a field without conversion or registration."""
    cdef int index = obj.layout.position(name)
    if index >= 0:
        put_field(obj, index, value)
    else:
        PyObject_GenericSetAttr(obj, name, value)


def is_volatile(str name):
    """Whether fields of this name are never stored."""
    return _is_volatile(name)


def describe(Durable obj):
    """`<module.Class #oid>` for messages; never loads."""
    cdef object cls = type(obj)
    return "<%s.%s #%s>" % (cls.__module__, cls.__qualname__, obj.oid if obj.oid else "new")
