# The tag bytes of values (docs/format.md, "Values and records") and the two small classes of the interface.

cdef enum:
    INT_SMALL = 0x00      # 0x00..0x3F: int 0..63
    STR_SHORT = 0x40      # 0x40..0x7F: str of 0..63 bytes of UTF-8
    BYTES_SHORT = 0x80    # 0x80..0x9F: bytes, length 0..31
    TUPLE_SHORT = 0xA0    # 0xA0..0xAF: tuple of 0..15 values
    INT_NEGATIVE = 0xB0   # 0xB0..0xBF: int -1..-16
    NONE = 0xC0
    FALSE = 0xC1
    TRUE = 0xC2
    FLOAT = 0xC3
    COMPLEX = 0xC4
    REFERENCE = 0xC5
    FLOAT_SHORT = 0xC6
    INT = 0xC8            # 0xC8..0xCF: int in 1..8 bytes, two's complement, little-endian
    INT_LONG = 0xD0
    STR = 0xD1
    STR_SURROGATES = 0xD2
    BYTES = 0xD3
    BYTEARRAY = 0xD4
    TUPLE = 0xD5
    LIST = 0xD6
    DICT = 0xD7
    SET = 0xD8
    FROZENSET = 0xD9
    DECIMAL = 0xDA
    DATE = 0xDB
    TIME = 0xDC
    DATETIME = 0xDD
    TIMEDELTA = 0xDE
    UUID_TAG = 0xDF
    RANGE = 0xE0
    EXTENSION = 0xE1

cdef enum:
    ZONE_NONE = 0
    ZONE_FIXED = 1
    ZONE_NAMED = 2
    ZONE_UTC = 3
    ZONE_UNKNOWN = 4

cdef enum:
    DEPTH_LIMIT = 200

MAX_DEPTH = DEPTH_LIMIT

cdef object UTC = timezone.utc
cdef type Zone = timezone
cdef type NamedZone = ZoneInfo
cdef type DecimalType = Decimal
cdef object MICROSECOND = timedelta(microseconds=1)


@cython.final
cdef class Reference:
    """A reference of a record's table: object id, class id, and whether it is weak."""

    cdef readonly uint64_t oid
    cdef readonly uint64_t class_id
    cdef readonly bint weak

    def __init__(self, uint64_t oid, uint64_t class_id, bint weak=False):
        if class_id >> 63:
            raise OverflowError("class_id must be below 2**63")
        self.oid = oid
        self.class_id = class_id
        self.weak = weak

    def __eq__(self, other):
        if type(other) is not Reference:
            return NotImplemented
        cdef Reference right = other
        return self.oid == right.oid and self.class_id == right.class_id and self.weak == right.weak

    def __hash__(self):
        return hash((self.oid, self.class_id, self.weak))

    def __repr__(self):
        return f"Reference(oid={self.oid}, class_id={self.class_id}, weak={bool(self.weak)})"

    def __reduce__(self):
        return Reference, (self.oid, self.class_id, self.weak)


@cython.final
cdef class Extension:
    """A value the codec does not know: a code and a plain payload that stands for it."""

    cdef readonly uint64_t code
    cdef readonly object payload

    def __init__(self, uint64_t code, payload):
        self.code = code
        self.payload = payload

    def __eq__(self, other):
        if type(other) is not Extension:
            return NotImplemented
        cdef Extension right = other
        return self.code == right.code and self.payload == right.payload

    def __hash__(self):
        return hash((self.code, self.payload))

    def __repr__(self):
        return f"Extension(code={self.code}, payload={self.payload!r})"

    def __reduce__(self):
        return Extension, (self.code, self.payload)
