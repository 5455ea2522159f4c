# cython: language_level=3, boundscheck=False, wraparound=False
"""Base type of durable objects and the identity map of their owner.

State, object id, owner and the first few fields sit in the C struct. A class has a layout, the names that its
instances have used, and each object a bit mask of those it has; finding a field is a comparison of a few pointers,
which is quicker than the generic lookup through the type. Further fields, and what is not stored, are in the
instance's dict.

The states are ordered so that one comparison answers each hot question: loaded is above GHOST, registered for
writing is above CLEAN.
"""

from cpython.dict cimport PyDict_Clear, PyDict_GetItemWithError
from cpython.object cimport PyObject, PyObject_GenericGetAttr, PyObject_GenericSetAttr
from cpython.ref cimport Py_REFCNT

from sys import intern

from perdure.errors import ClosedObjectError, ImmutableError, ObjectError, ReferenceError as DeadReferenceError

cdef extern from *:
    """
    static PyObject* perdure_new(PyObject* cls, PyObject* arguments, PyObject* keywords) {
        return ((PyTypeObject*)cls)->tp_new((PyTypeObject*)cls, arguments, keywords);
    }
    static int perdure_init(PyObject* instance, PyObject* arguments, PyObject* keywords) {
        return Py_TYPE(instance)->tp_init(instance, arguments, keywords);
    }
    static PyObject* perdure_static_new(PyObject* cls) {
        static PyObject* no_arguments = NULL;
        PyTypeObject* base = (PyTypeObject*)cls;
        if (no_arguments == NULL && (no_arguments = PyTuple_New(0)) == NULL) return NULL;
        while (base->tp_flags & Py_TPFLAGS_HEAPTYPE) base = base->tp_base;
        return base->tp_new((PyTypeObject*)cls, no_arguments, NULL);
    }
    static inline void perdure_replace(PyObject** place, PyObject* value) {
        PyObject* old = *place;
        Py_INCREF(value);
        *place = value;
        Py_XDECREF(old);
    }
    /* Cython gives the metaclass a tp_new of its own, which a Python metaclass beside it may not call. */
    #define PERDURE_INHERIT_NEW(metaclass) ((PyTypeObject*)(metaclass))->tp_new = PyType_Type.tp_new
    #define PERDURE_PUT(self, index, value) perdure_replace(&PERDURE_FIELD(self, index), value)
    """
    void PERDURE_PUT(Durable self, int index, object value)
    bint PyUnicode_CHECK_INTERNED(object text)
    void PERDURE_INHERIT_NEW(object metaclass)
    object perdure_static_new(object cls)
    object perdure_new(object cls, tuple arguments, PyObject* keywords)
    int perdure_init(object instance, tuple arguments, PyObject* keywords) except -1

cdef extern from "Python.h":
    bint PyObject_GC_IsTracked(object)
    void PyObject_GC_Track(PyObject*)
    void PyObject_GC_UnTrack(PyObject*)
    object PyObject_GenericGetDict(object obj, void* context)
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t index)

DEAD = -1
GHOST = 0
CLEAN = 1
NEW = 2
DIRTY = 3

cdef enum:
    _DEAD = -1
    _GHOST = 0
    _CLEAN = 1
    _NEW = 2
    _DIRTY = 3
    _SLOTS = 63          # names with a bit of their own; bit 63 says that there are others
    _VOLATILE = 1        # has members that are not stored and vanish with the loaded state
    _PINNED = 2          # has `_X__` members, which only a live wrapper can keep: never made a ghost

cdef unsigned long long WIDE = 1ULL << 63
cdef dict layouts = {}


cdef inline bint _is_plain(object value):
    """Values that any field takes as they are, without asking the class."""
    cdef object kind = type(value)
    return (
        kind is int or kind is str or kind is float or value is None
        or kind is bool or kind is bytes
    )


cdef inline bint _is_volatile(str name):
    """Names that are never stored: `_v_...` (ZODB's convention) and `_X__...` (dbzero's)."""
    if len(name) < 3 or PyUnicode_READ_CHAR(name, 0) != u"_":
        return False
    return name.startswith("_v_") or name.startswith("_X__")


cdef inline bint _needs_no_state(str name):
    """Names that must be usable on ghosts and dead objects without loading: Python's own and ours."""
    if len(name) < 3 or PyUnicode_READ_CHAR(name, 0) != u"_":
        return False
    if PyUnicode_READ_CHAR(name, 1) == u"_":
        return name != "__dict__" and name.endswith("__")
    return name.startswith("_perdure_") or name.startswith("_p_")


cdef class Layout:
    """The field names that instances of one class have used, each with its bit in their masks."""

    def __cinit__(self, cls):
        self.cls = cls
        self.names = []
        self.positions = {}
        self.descriptors = set()
        self.count = 0
        self.frozen = bool(getattr(cls, "_perdure_immutable_", False))
        self.interned = bool(getattr(cls, "_perdure_interned_", False))
        read_marks(self, cls)

    cdef int position(self, str name) except -2:
        """Index of `name`, given one when it is new; -1 when the class handles it by a data descriptor."""
        cdef PyObject* found = PyDict_GetItemWithError(self.positions, name)
        if found != NULL:
            return <object>found
        if name in self.descriptors:
            return -1
        for base in self.cls.__mro__:
            member = base.__dict__.get(name)
            if member is not None:
                if hasattr(type(member), "__set__"):
                    self.descriptors.add(name)
                    return -1
                break
        cdef int index = len(self.names)
        name = intern(name)
        self.names.append(name)
        self.positions[name] = index
        if index < _SLOTS:
            self.slots[index] = <PyObject*>name
            self.count = index + 1
            self.inline_count = 0 if self.watched else min(self.count, _INLINE)
        return index

    def mask_of(self, names):
        """The mask of an object that has exactly the fields `names`."""
        cdef unsigned long long mask = 0
        cdef int index
        for name in names:
            index = self.position(name)
            mask |= bit(index)
        return mask

    def names_of(self, unsigned long long mask):
        """The names in `mask`, in layout order, as a tuple. Not for wide masks: those are read from the object."""
        cdef int index
        return tuple([self.names[index] for index in range(self.count) if mask & (1ULL << index)])


cdef object get_further_field(Durable self, int index):
    return PyObject_GenericGetAttr(self, <object>self.layout.slots[index])


cdef int put_field(Durable self, int index, object value) except -1:
    """Set a field by its position, or by its name where it has no bit; no conversion, no registration."""
    if index < _INLINE:
        PERDURE_PUT(self, index, value)
        self.mask |= 1ULL << index
    else:
        PyObject_GenericSetAttr(self, self.layout.names[index], value)
        self.mask |= bit(index)
    return 0


cdef int drop_field(Durable self, int index) except -1:
    if index < _INLINE:
        if not self.mask & (1ULL << index):
            raise AttributeError(f"{describe(self)} has no field {self.layout.names[index]!r}")
        self.mask &= ~(1ULL << index)
        PERDURE_PUT(self, index, None)
        return 0
    PyObject_GenericSetAttr(self, self.layout.names[index], <object>NULL)
    if index < _SLOTS:
        self.mask &= ~(1ULL << index)
    return 0


cdef inline unsigned long long bit(int index):
    return 1ULL << index if index < _SLOTS else WIDE


cdef Layout layout_of(object cls):
    cdef PyObject* found = PyDict_GetItemWithError(layouts, cls)
    if found != NULL:
        return <Layout>found
    cdef Layout layout = Layout(cls)
    layouts[cls] = layout
    return layout


cdef int ensure_loaded(Durable self) except -1:
    while self.state <= _GHOST:  # another thread may make it a ghost again on the way back from `load`
        if self.state == _DEAD:
            raise DeadReferenceError(describe(self) + " was deleted or its creation was rolled back")
        if self.owner is None:
            raise ObjectError(describe(self) + " is no longer accessible: its database was closed")
        self.owner.load(self)
    self.touched = 1
    return 0


cdef int check_guard() except -1:
    if guarded:
        guard()
    return 0


cdef int ensure_writable(Durable self) except -1:
    if is_free(self):
        return 0
    check_guard()
    ensure_changeable(self)
    if self.layout.frozen and not self.building:
        refuse_change(self)
    while not is_open(self.owner):
        allowed = self.owner.gate()
        ensure_loaded(self)
        if allowed:
            break
    if self.state == _CLEAN:
        if not self.owner.writable:
            self.owner.refuse_write(self)
        self.owner.dirty.append(self)
        self.state = _DIRTY
    return 0


cdef int refuse_change(Durable self) except -1:
    raise ImmutableError(describe(self) + " is immutable: its fields are set in __init__ only")


cdef int set_checked(Durable self, str name, object value) except -1:
    """The full path of an assignment: volatile names, descriptors, loading, registration, conversion."""
    cdef int index
    cdef bint frozen = self.layout.frozen, created = False
    if _is_volatile(name):
        self.volatile |= _PINNED if name.startswith("_X__") else _VOLATILE
        link_up(self)
        PyObject_GenericSetAttr(self, name, value)
        return 0
    if _needs_no_state(name):
        if frozen and name.startswith("__"):
            refuse_change(self)
        track(self)
        PyObject_GenericSetAttr(self, name, value)
        if name == "_perdure_weak_":
            self.weakly = value is not None
        return 0
    index = self.layout.position(name)
    if index < 0:
        ensure_loaded(self)
        link_up(self)
        PyObject_GenericSetAttr(self, name, value)
        return 0
    if self.layout.watched:
        created = ask_assignment(self, index, name)
    if frozen:  # values are converted when the object is complete
        ensure_writable(self)
        return put_field(self, index, value)
    if not _is_plain(value):
        # Before the registration: a flush by another thread may come while Python code runs here.
        ensure_changeable(self)
        value = self._perdure_convert_(name, value)
    ensure_writable(self)
    if created:
        ask_again(self, index, name)
    return put_field(self, index, value)


include "durable_watched.pxi"


cdef class Durable:
    """Base of every object that can live in a database.

    Subclasses may override the hooks `_perdure_convert_` (a value being assigned to a field),
    `_perdure_store_`/`_perdure_restore_` (a record of their own instead of fields) and `_perdure_forget_`
    (drop what was cached when the object becomes a ghost). `_perdure_weak_` names the fields whose references
    do not hold their targets, or is None.
    """

    _perdure_weak_ = None

    def __cinit__(self):
        self.state = _NEW
        self.layout = layout_of(type(self))

    def __getattribute__(self, str name):
        cdef int index
        cdef Layout layout = self.layout
        cdef PyObject* position
        if self.state <= _GHOST and not _needs_no_state(name):
            ensure_loaded(self)
        for index in range(layout.inline_count):
            if layout.slots[index] == <PyObject*>name:
                if self.mask & (1ULL << index):
                    if self.touched != quick:
                        self.touched = 1
                        if sifting:
                            return released(perdure_taken(PERDURE_FIELD(self, index)))
                    return perdure_taken(PERDURE_FIELD(self, index))
                break
        else:
            if layout.watched or sifting:
                return read_watched(self, name)
            if not PyUnicode_CHECK_INTERNED(name):
                position = PyDict_GetItemWithError(layout.positions, name)
                if position != NULL and <object>position < _INLINE and self.mask & (1ULL << <int><object>position):
                    return perdure_taken(PERDURE_FIELD(self, <int><object>position))
        self.touched = 1
        return PyObject_GenericGetAttr(self, name)

    def __setattr__(self, str name, value):
        cdef int index
        cdef Layout layout = self.layout
        if is_free(self) and (_is_plain(value) or layout.frozen):  # those are converted when the object is complete
            for index in range(layout.inline_count):
                if layout.slots[index] == <PyObject*>name:
                    PERDURE_PUT(self, index, value)
                    self.mask |= 1ULL << index
                    return
        set_checked(self, name, value)

    def __delattr__(self, str name):
        cdef int index
        if not _is_volatile(name) and not _needs_no_state(name):
            index = self.layout.position(name)
            if index < 0:
                ensure_loaded(self)
            else:
                if self.layout.watched:
                    ask_deletion(self, index, name)
                ensure_writable(self)
                drop_field(self, index)
                return
        PyObject_GenericSetAttr(self, name, <object>NULL)

    def _perdure_convert_(self, str name, value):
        return value

    def _perdure_forget_(self):
        pass


cdef Owner ambient = None
cdef object guard = None


def set_guard(check):
    """Have `check()` called before every change of an object by any thread; it raises to refuse it. None ends that."""
    global guard, guarded
    guard = check
    guarded = check is not None


def guard_change():
    """Ask the guard, if there is one, whether something may be changed."""
    check_guard()


def set_ambient(Owner owner):
    """Make `owner` (or None) the one that new objects of unscoped memo classes belong to."""
    global ambient
    ambient = owner


def get_ambient():
    """The owner of new objects of unscoped memo classes, or None."""
    return ambient


cdef class DurableType(type):
    """Metaclass of memo classes: a new object enters the ambient owner when its `__init__` has succeeded.

    An object whose `__init__` raises is never handed over, so nothing of it can be stored. A class with
    rules of its own (singleton, scoped) has an object with a `create(cls, args, kwargs)` method as
    `_perdure_factory_`; for all others that is None.
    """

    def __call__(cls, *args, **kwargs):
        cdef object factory = cls._perdure_factory_
        if factory is not None:
            return factory.create(cls, args, kwargs)
        return make(cls, args, kwargs, None)


PERDURE_INHERIT_NEW(DurableType)


include "durable_completion.pxi"


cdef class Owner:
    """What loads and registers durable objects: the base of a connection, with its identity map.

    `objects` maps object ids to the one Python object of each; `created` and `dirty` hold what the next
    flush has to write; `classes` maps class ids to Python classes for making ghosts; `budget` and
    `cached_bytes` are bytes. `gate`, if any, is called before a change by any other thread than
    `gate_thread`; it waits until the change may be made, raises to refuse it, or gives true to let it pass.
    """

    def __cinit__(self):
        self.objects = {}
        self.classes = {}
        self.created = []
        self.dirty = []
        self.writable = True
        self.budget = 64 << 20

    def load(self, obj):
        """Read the state of a ghost and restore it."""
        raise NotImplementedError

    def refuse_write(self, obj):
        """Raise the error of an owner that does not take writes."""
        raise NotImplementedError

    def refuse_create(self, cls):
        """Raise the error of an owner that takes no new objects."""
        raise NotImplementedError

    def constructed(self, obj):
        """The `__init__` of an object that has an id already has succeeded."""
        raise NotImplementedError

    def abandoned(self, obj):
        """Forget a new object that has an id already: its `__init__` failed."""
        raise NotImplementedError

    def class_of(self, class_id):
        """The Python class of a class id that `classes` does not have yet."""
        raise NotImplementedError

    def weak(self, reference):
        """The value that stands for a weak reference."""
        raise NotImplementedError

    def get(self, oid):
        """The object of an id, loaded. Raises `perdure.ReferenceError` when there is none."""
        cdef PyObject* known = PyDict_GetItemWithError(self.objects, oid)
        cdef Durable found
        if known == NULL:
            return self.fetch(oid)
        found = <Durable>known
        if found.state <= _GHOST:
            ensure_loaded(found)
        return found

    def fetch(self, oid):
        """What `get` does with an id that is not in the identity map."""
        raise NotImplementedError

    cpdef int make_room(self) except -1:
        """Sweep the cache when it is over its budget.

        What a sweep cannot free, changed objects above all, is not looked at again until a quarter has been added.
        """
        if self.cached_bytes > self.budget and self.cached_bytes > self.unfreed + self.budget // 4:
            self.sweep(self.budget * 3 // 4)
            in_vain = self.cached_bytes if self.unfreed else 1  # the first spares what was used
            self.unfreed = in_vain if self.cached_bytes > self.budget else 0
        return 0

    cpdef object ghost(self, unsigned long long oid, object cls):
        """The object of `oid`: the one in the identity map, or a new ghost of class `cls` put there."""
        cdef PyObject* found = PyDict_GetItemWithError(self.objects, oid)
        if found != NULL:
            return <object>found
        return new_ghost(self, oid, cls)

    def resolve(self, list references):
        """The objects of strong references, in order; a weak one is resolved by `weak`."""
        cdef list found = []
        cdef object reference, cls
        for reference in references:
            if reference.weak:
                found.append(self.weak(reference))
                continue
            cls = self.classes.get(reference.class_id)
            if cls is None:
                cls = self.class_of(reference.class_id)
            found.append(self.ghost(reference.oid, cls))
        return found

    def sweep(self, Py_ssize_t target):
        """Free least recently used objects until at most `target` bytes are cached.

        Objects touched since the last sweep are spared once. Those that only the identity map holds are
        forgotten; clean ones held elsewhere become ghosts, unless they carry members that cannot be loaded again.
        """
        cdef Durable obj
        cdef list candidates = [obj for obj in self.objects.values() if not (<Durable>obj).root]
        cdef Py_ssize_t index
        for index in range(len(candidates)):
            if self.cached_bytes <= target:
                break
            obj = <Durable>candidates[index]
            candidates[index] = None
            if obj.state == _GHOST or obj.state == _CLEAN:
                if obj.touched or obj.parts and is_in_use(obj):
                    obj.touched = 0
                elif obj.parts and obj.state == _CLEAN:
                    make_ghost(obj)
                elif Py_REFCNT(obj) == 2 and not (obj.parts and has_parts(obj)):
                    self.cached_bytes -= obj.size
                    del self.objects[obj.oid]
                elif obj.state == _CLEAN and not obj.volatile & _PINNED:
                    make_ghost(obj)

    def is_held(self, unsigned long long oid):
        """Whether anything but the identity map holds a Python reference to the object of `oid`."""
        return self.held_more(oid, 0)

    def unheld(self, oids):
        """Those of `oids` whose objects nothing but the identity map holds, or that are not loaded."""
        cdef PyObject* found
        cdef list free = []
        for oid in oids:
            found = PyDict_GetItemWithError(self.objects, oid)
            if found == NULL or Py_REFCNT(<object>found) == 1:
                free.append(oid)
        return free

    def held_more(self, unsigned long long oid, Py_ssize_t count):
        """Whether more than `count` references to the object exist besides that of the identity map."""
        cdef PyObject* found = PyDict_GetItemWithError(self.objects, oid)
        if found == NULL:
            return False
        if Py_REFCNT(<object>found) > count + 1:
            return True
        return bool((<Durable>found).parts) and is_held_inside(<Durable>found)

    def forget(self, unsigned long long oid):
        """Remove the object from the identity map, if it is there."""
        cdef Durable obj = self.objects.pop(oid, None)
        cdef unsigned int number
        if obj is not None:
            self.cached_bytes -= obj.size
            obj.size = 0
            for number in range(1, obj.parts + 1):
                self.objects.pop(oid + number, None)

    def take_created(self):
        """The new objects to be written, oldest first; those that nothing else holds are discarded."""
        cdef list created = self.created
        cdef list kept = []
        cdef Py_ssize_t index
        cdef Durable obj
        self.created = []
        for index in range(len(created)):
            obj = <Durable>created[index]
            created[index] = None
            if Py_REFCNT(obj) > 1 and obj.state == _NEW and obj.owner is self:
                kept.append(obj)
        return kept


cdef int clear_fields(Durable obj) except -1:
    cdef int index
    cdef unsigned long long mask = obj.mask
    obj.mask = 0
    for index in range(min(obj.layout.count, _INLINE)):
        if mask & (1ULL << index):
            PERDURE_PUT(obj, index, None)
    if obj.volatile or mask >> _INLINE:
        PyDict_Clear(PyObject_GenericGetDict(obj, NULL))
    obj.volatile = 0
    return 0


include "durable_parts.pxi"


def make_ghost(Durable obj):
    """Drop the loaded state of `obj`; the next access loads it again."""
    cdef PyObject* root
    if obj.state == _DEAD:
        return
    if obj.root and obj.owner is not None and obj.state > _GHOST:
        root = PyDict_GetItemWithError(obj.owner.objects, obj.root)
        if root != NULL and (<Durable>root).state > _GHOST:
            make_ghost(<Durable>root)
    obj._perdure_forget_()
    clear_fields(obj)
    if obj.owner is not None:
        obj.owner.cached_bytes -= obj.size
    obj.size = 0
    obj.state = _GHOST
    if obj.parts and obj.owner is not None:
        ghost_parts(obj)


def kill(Durable obj):
    """Make `obj` unusable: it was deleted, or its creation was rolled back."""
    cdef unsigned int number
    cdef PyObject* part
    if obj.state > _GHOST:
        make_ghost(obj)
    obj.state = _DEAD
    if obj.parts and obj.owner is not None:
        for number in range(1, obj.parts + 1):
            part = part_of(obj, number)
            if part != NULL:
                (<Durable>part).state = _DEAD


def attach(Durable obj, Owner owner, unsigned long long oid):
    """Give a new object its identity: it enters the identity map of `owner`."""
    track(obj)
    obj.owner = owner
    obj.oid = oid
    owner.objects[oid] = obj


def adopt(Durable obj, Owner owner):
    """Make `owner` the one to store the new object `obj` at its next flush."""
    while not is_open(owner):
        if owner.gate():
            break
    track(obj)
    obj.owner = owner
    owner.created.append(obj)


def loosen(Durable obj):
    """Make a loaded write-once object one that is stored nowhere, as it was before its creation here is undone."""
    obj.oid = obj.root = 0
    obj.parts = obj.size = 0
    obj.owner = None


def set_owner(Durable obj, Owner owner):
    """Choose the owner of a new object during its `__init__`."""
    track(obj)
    obj.owner = owner


def detach(Durable obj):
    """Cut the object from its owner; what it has loaded is dropped."""
    make_ghost(obj)
    obj.owner = None


def mark_clean(Durable obj, unsigned int size, bint has_references=True):
    """The state of the object equals what is stored; `size` is what it costs the cache, in bytes."""
    obj.referring = has_references
    obj.owner.cached_bytes += <Py_ssize_t>size - <Py_ssize_t>obj.size
    obj.size = size
    obj.state = _CLEAN
    obj.touched = 1


def begin_store(Durable obj):
    """The object is about to be encoded: a change from now on, by another thread, registers it again."""
    obj.state = _CLEAN


def stored(Durable obj, unsigned int size, bint has_references=True):
    """The object was encoded; `size` is what it costs the cache, in bytes. See `begin_store`."""
    obj.referring = has_references
    obj.owner.cached_bytes += <Py_ssize_t>size - <Py_ssize_t>obj.size
    obj.size = size
    obj.touched = 1


def has_references(Durable obj):
    """Whether the stored record of the object refers to others."""
    return obj.referring


def revive(Durable obj):
    """Make an object a ghost again, also one that was deleted: a rollback brings its stored state back."""
    if obj.state == _DEAD:
        obj.state = _GHOST
    else:
        make_ghost(obj)


def mark_dirty(Durable obj):
    """Register `obj` for the next flush, loading it first. Call it before changing internal state."""
    ensure_writable(obj)


def load(Durable obj):
    """Load `obj` if it is a ghost."""
    ensure_loaded(obj)


include "durable_told.pxi"
include "durable_fields.pxi"
