# Making an object, and what happens when its `__init__` has ended, well or not. Part of durable.pyx.

def construct(cls, tuple args, dict kwargs, Owner owner=None):
    """Make an instance as Python does and hand it to its owner: the one set by `__init__`, else the ambient one.

    `owner` is one set beforehand. If `__init__` raises, the instance is dead, wherever it was put.
    """
    return make(cls, args, kwargs, owner)


cdef object make(object cls, tuple args, dict kwargs, Owner owner):
    cdef PyObject* keywords = <PyObject*>kwargs if kwargs else NULL
    check_guard()
    cdef object instance = perdure_new(cls, args, keywords)
    cdef Durable obj
    if not isinstance(instance, cls):
        return instance
    obj = <Durable>instance
    if obj.state != _NEW or obj.owner is not None:
        perdure_init(instance, args, keywords)
        return instance
    obj.owner = owner
    obj.building = 1
    try:
        perdure_init(instance, args, keywords)
    except:
        abandon(obj)
        raise
    if obj.layout.frozen:
        complete(obj)
        return instance
    obj.building = 0
    if obj.owner is None:
        obj.owner = ambient
        if ambient is None:
            return instance
    hand_over(obj)
    return instance


cdef Freezer freezer = NULL


cdef int set_freezer(Freezer function) except -1:
    """Make `function` the one that converts the fields of a write-once object when it is complete.

    It says whether the object can be in no cycle.
    """
    global freezer
    freezer = function
    return 0


cdef int track(Durable obj) except -1:
    """Let the garbage collector see the object, which may be in a cycle from here on."""
    if not PyObject_GC_IsTracked(obj):
        PyObject_GC_Track(<PyObject*>obj)
    return 0


cdef int link_up(Durable obj) except -1:
    """The object gets a member that is not stored. One that is complete may be in a cycle by that, with holders that
    the garbage collector does not look at; with a class that is used so, none is left out from here on.
    """
    obj.layout.linked = obj.layout.linked or obj.layout.frozen and not obj.building
    return track(obj)


cdef int complete(Durable obj) except -1:
    """The `__init__` of a write-once object is over: from here on it does not change, and belongs nowhere yet.

    As long as that is so, one with plain values and others like it alone is in no cycle, and the garbage collector need
    not look at it: with many graphs in memory, that would take longer than making them.
    """
    cdef bint leaf
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
    if leaf and obj.owner is None and not obj.volatile and not obj.layout.descriptors and not obj.layout.linked:
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
