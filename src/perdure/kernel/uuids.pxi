# A UUID from its bytes without UUID.__init__, which takes ten times as long.

from uuid import UUID, SafeUUID

cdef type UUIDType = UUID
cdef object set_slot = object.__setattr__
cdef object unknown_safety = SafeUUID.unknown
cdef object int_from_bytes = int.from_bytes


cdef object make_uuid(bytes body):
    cdef object result = UUIDType.__new__(UUIDType)
    set_slot(result, "int", int_from_bytes(body, "big"))
    set_slot(result, "is_safe", unknown_safety)
    return result
