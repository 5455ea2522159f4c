# Which objects of a graph were met: a table of their addresses, theirs as long as the root holds them.
# Part of embedding.pyx.

cdef enum:
    _AT_FIRST = 64       # entries without an allocation of their own; a power of two
    _NOT_DONE = -1

cdef struct Met:
    PyObject* obj
    Py_ssize_t number

cdef struct MetTable:
    Met* entries
    size_t capacity
    size_t count
    Met first[_AT_FIRST]


cdef void met_init(MetTable* table) noexcept:
    memset(table.first, 0, sizeof(table.first))
    table.entries = table.first
    table.capacity = _AT_FIRST
    table.count = 0


cdef void met_free(MetTable* table) noexcept:
    if table.entries != table.first:
        PyMem_Free(table.entries)
        table.entries = table.first


cdef inline Met* met_entry(MetTable* table, Durable obj) noexcept:
    """The entry of an object, or the free one where it belongs; there is always a free one."""
    cdef size_t address = <size_t><PyObject*>obj
    cdef size_t index = (address >> 4 ^ address >> 12) & (table.capacity - 1)
    while table.entries[index].obj != NULL and table.entries[index].obj != <PyObject*>obj:
        index = (index + 1) & (table.capacity - 1)
    return &table.entries[index]


cdef int met_add(MetTable* table, Durable obj, Py_ssize_t number) except -1:
    """Note an object that was not met before."""
    cdef Met* entry
    if 2 * table.count >= table.capacity:
        met_grow(table)
    entry = met_entry(table, obj)
    entry.obj = <PyObject*>obj
    entry.number = number
    table.count += 1
    return 0


cdef int met_grow(MetTable* table) except -1:
    cdef Met* before = table.entries
    cdef size_t capacity = table.capacity, index
    cdef Met* made = <Met*>PyMem_Calloc(2 * capacity, sizeof(Met))
    cdef Met* entry
    if made == NULL:
        raise MemoryError()
    table.entries = made
    table.capacity = 2 * capacity
    for index in range(capacity):
        if before[index].obj != NULL:
            entry = met_entry(table, <Durable>before[index].obj)
            entry[0] = before[index]
    if before != table.first:
        PyMem_Free(before)
    return 0
