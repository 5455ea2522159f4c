"""What the collections of the kernel share: which values they take as they are, and loading."""

from perdure.kernel.durable cimport Durable, ensure_loaded


cdef inline int be_loaded(Durable obj) except -1:
    """Load `obj`; it stays so until the thread switches. (Another thread may sweep what was just loaded.)"""
    ensure_loaded(obj)
    while obj.state <= 0:
        ensure_loaded(obj)
    return 0


cdef inline bint is_plain(object value):
    """Values that need no conversion and no look inside."""
    cdef object kind = type(value)
    return (
        kind is int or kind is str or kind is float or value is None
        or kind is bool or kind is bytes or isinstance(value, Durable) and is_identified(<Durable>value)
    )


cdef inline bint is_identified(Durable obj):
    """Whether others may refer to the object: its `__init__` is over, or it has its id; its database is not closed."""
    return (not obj.building or obj.oid != 0) and (obj.state > 0 or obj.owner is not None)
