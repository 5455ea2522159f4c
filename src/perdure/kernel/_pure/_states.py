"""The states of objects, in their order. Part of the pure twin of `kernel/durable.pyx`."""

DEAD = -1
GHOST = 0
CLEAN = 1
NEW = 2
DIRTY = 3

PINNED = 2  # has `_X__` members, which only a live wrapper can keep: never made a ghost
MAP_ONLY = 2  # references that `sys.getrefcount` counts for an object that only the identity map holds
