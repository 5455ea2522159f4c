"""Which values a collection takes as they are."""

from perdure.kernel.durable cimport Durable


cdef inline bint is_plain(object value):
    """Values that need no conversion and no look inside."""
    cdef object kind = type(value)
    return (
        kind is int or kind is str or kind is float or value is None
        or kind is bool or kind is bytes or isinstance(value, Durable)
    )
