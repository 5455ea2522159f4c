# What an object tells of itself without being loaded. Part of durable.pyx.

def state_of(Durable obj):
    """DEAD, GHOST, CLEAN, NEW or DIRTY."""
    return obj.state


def set_state(Durable obj, int state):
    """Set the state without any other effect (for owners only)."""
    obj.state = state


def is_building(Durable obj):
    """Whether the `__init__` of the object is running."""
    return obj.building != 0


def oid_of(Durable obj):
    """The object id, 0 when none was given yet."""
    return obj.oid


def is_frozen(Durable obj):
    """Whether the object is of a write-once class, and complete."""
    return obj.layout.frozen and not obj.building


def is_transient(Durable obj):
    """Whether the object is of a write-once class, complete, and stored nowhere."""
    return obj.oid == 0 and obj.layout.frozen and obj.state == _CLEAN


def root_of(Durable obj):
    """The id of the object in whose record this one is embedded, 0 for one that has a record of its own."""
    return obj.root


def parts_of(Durable obj):
    """How many objects are embedded in this one, as far as it was loaded; they have the ids after its own."""
    return obj.parts


def owner_of(Durable obj):
    """The owner, or None."""
    return obj.owner


def size_of(Durable obj):
    """Bytes charged to the cache for this object."""
    return obj.size
