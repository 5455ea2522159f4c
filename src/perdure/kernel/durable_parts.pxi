# The objects embedded in another, its parts: they are loaded and dropped with it. Part of durable.pyx.

cdef Durable new_ghost(Owner owner, object oid, object cls):
    """A ghost for an id that is not in the identity map, put there."""
    cdef Durable obj = <Durable>perdure_static_new(cls)
    obj.state = _GHOST
    obj.oid = oid
    obj.owner = owner
    owner.objects[oid] = obj
    return obj


cdef PyObject* part_of(Durable root, unsigned int number) except? NULL:
    """The part of that number if it is loaded, else NULL."""
    return PyDict_GetItemWithError(root.owner.objects, root.oid + number)


cdef bint has_parts(Durable root) except -1:
    """Whether parts are in the identity map: those of a ghost are there because something holds them."""
    cdef unsigned int number
    for number in range(1, root.parts + 1):
        if part_of(root, number) != NULL:
            return True
    return False


cdef bint is_held_inside(Durable root) except -1:
    """Whether Python code holds parts of an object that it does not hold itself."""
    if root.state == _CLEAN:
        make_ghost(root)
    return has_parts(root)


cdef bint is_in_use(Durable root) except -1:
    """Whether parts were used since the last sweep, or carry members that cannot be loaded again."""
    cdef unsigned int number
    cdef PyObject* part
    cdef bint used = False
    for number in range(1, root.parts + 1):
        part = part_of(root, number)
        if part != NULL:
            used |= (<Durable>part).touched or (<Durable>part).volatile & _PINNED
            (<Durable>part).touched = 0
    return used


cdef int ghost_parts(Durable root) except -1:
    """Parts are loaded and dropped with their root; those that nothing holds leave the identity map."""
    cdef unsigned int number
    cdef PyObject* part
    for number in range(1, root.parts + 1):
        part = part_of(root, number)
        if part != NULL and (<Durable>part).state > _GHOST:
            (<Durable>part).state = _GHOST
            clear_fields(<Durable>part)
    for number in range(1, root.parts + 1):
        part = part_of(root, number)
        if part != NULL and Py_REFCNT(<object>part) == 1:
            del root.owner.objects[root.oid + number]
    return 0
