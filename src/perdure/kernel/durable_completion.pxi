# What happens to an object when its `__init__` has ended, well or not. Part of durable.pyx.

cdef object freezer = None


def set_freezer(function):
    """Make `function(obj)` the one that converts the fields of a write-once object when it is complete."""
    global freezer
    freezer = function


cdef int track(Durable obj) except -1:
    """Let the garbage collector see the object, which may be in a cycle from here on."""
    if not PyObject_GC_IsTracked(obj):
        PyObject_GC_Track(<PyObject*>obj)
    return 0


cdef int complete(Durable obj) except -1:
    """The `__init__` of a write-once object is over: from here on it does not change, and belongs nowhere yet.

    As long as that is so, one with plain values alone is in no cycle, and the garbage collector need not look at it.
    """
    cdef Owner owner = obj.owner if obj.owner is not None else ambient
    try:
        if owner is not None and not owner.writable:
            owner.refuse_create(type(obj))
        leaf = freezer(obj)
    except:
        abandon(obj)
        raise
    obj.building = 0
    obj.state = _CLEAN
    if leaf and obj.owner is None and not obj.volatile and not obj.layout.descriptors:
        PyObject_GC_UnTrack(<PyObject*>obj)
    if obj.oid:
        owner.constructed(obj)
    return 0


cdef int hand_over(Durable obj) except -1:
    """Give a new object to its owner, unless that refuses it."""
    cdef Owner owner = obj.owner
    try:
        if not owner.writable:
            owner.refuse_create(type(obj))
        while not is_open(owner):  # another thread may have closed it again
            if owner.gate():
                break
    except:
        abandon(obj)
        raise
    if obj.oid == 0:
        owner.created.append(obj)
    else:
        owner.constructed(obj)
    return 0


cdef int abandon(Durable obj) except -1:
    """The creation of `obj` failed: what refers to it already refers to nothing."""
    obj.building = 0
    if obj.oid and obj.owner is not None:
        obj.owner.abandoned(obj)
    kill(obj)
    return 0
