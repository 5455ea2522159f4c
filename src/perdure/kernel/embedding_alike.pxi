# What the bytes of a record have that those of its class's dictionary have not. Part of embedding.pyx; the form is in
# docs/format.md, "Packed records".

cdef enum:
    _SHORTEST = 4            # bytes in a row that are worth being taken from the dictionary
    _SLOT_BITS = 12
    _LONGEST_DICTIONARY = 1 << 15


cdef inline uint32_t four_at(const unsigned char* place) noexcept:
    return (<uint32_t>place[0] | <uint32_t>place[1] << 8 | <uint32_t>place[2] << 16 | <uint32_t>place[3] << 24)


cdef inline uint32_t slot_of(uint32_t four) noexcept:
    return <uint32_t>(four * <uint32_t>2654435761) >> (32 - _SLOT_BITS)


cdef class Alike:
    """A dictionary that bytes are compared with."""

    cdef readonly bytes dictionary
    cdef uint16_t places[1 << _SLOT_BITS]     # by the slot of four bytes: where they were last, plus 1

    def __init__(self, bytes dictionary not None):
        """Raises ValueError when the dictionary has more than 2**15 bytes."""
        cdef const unsigned char* base = <const unsigned char*>PyBytes_AS_STRING(dictionary)
        cdef Py_ssize_t place
        if len(dictionary) > _LONGEST_DICTIONARY:
            raise ValueError(f"a dictionary of {len(dictionary)} bytes is too long")
        self.dictionary = dictionary
        memset(self.places, 0, sizeof(self.places))
        for place in range(len(dictionary) - _SHORTEST + 1):
            self.places[slot_of(four_at(base + place))] = <uint16_t>(place + 1)

    def differences(self, bytes body not None):
        """What `follow` makes `body` of, from the dictionary."""
        cdef Buffer out
        buffer_init(&out)
        try:
            self.compare(&out, <const unsigned char*>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
            return buffer_bytes(&out)
        finally:
            buffer_free(&out)

    cdef int compare(self, Buffer* out, const unsigned char* body, Py_ssize_t size) except -1:
        cdef const unsigned char* base = <const unsigned char*>PyBytes_AS_STRING(self.dictionary)
        cdef Py_ssize_t base_size = PyBytes_GET_SIZE(self.dictionary)
        cdef Py_ssize_t position = 0, start = 0, cursor = 0, place, length, most
        cdef uint32_t four
        while position + _SHORTEST <= size:
            four = four_at(body + position)
            place = cursor + position - start     # where the dictionary goes on, as often as not
            if place + _SHORTEST > base_size or four_at(base + place) != four:
                place = <Py_ssize_t>self.places[slot_of(four)] - 1
                if place < 0 or four_at(base + place) != four:
                    position += 1
                    continue
            most = min(size - position, base_size - place)
            length = _SHORTEST
            while length < most and body[position + length] == base[place + length]:
                length += 1
            put_varint(out, position - start)
            put_bytes(out, body + start, position - start)
            put_varint(out, length)
            put_varint(out, zigzag(place - (cursor + position - start)))
            position += length
            start = position
            cursor = place + length
        if start < size:
            put_varint(out, size - start)
            put_bytes(out, body + start, size - start)
        return 0


cdef int read_varint(const unsigned char* data, Py_ssize_t* position, Py_ssize_t size, uint64_t* result) except -1:
    cdef uint64_t value = 0
    cdef int shift = 0
    while position[0] < size and shift < 63:
        value |= <uint64_t>(data[position[0]] & 0x7F) << shift
        position[0] += 1
        if data[position[0] - 1] < 0x80:
            result[0] = value
            return 0
        shift += 7
    raise CorruptRecordError("damaged record: its packed values are cut short or have a number too long")


def follow(bytes dictionary not None, bytes differences not None, Py_ssize_t size):
    """The `size` bytes that `Alike.differences` was given. Raises CorruptRecordError when there are not as many."""
    cdef Buffer out
    buffer_init(&out)
    try:
        rebuild(&out, dictionary, differences, size)
        return buffer_bytes(&out)
    finally:
        buffer_free(&out)


cdef int rebuild(Buffer* out, bytes dictionary, bytes differences, Py_ssize_t size) except -1:
    cdef const unsigned char* data = <const unsigned char*>PyBytes_AS_STRING(differences)
    cdef Py_ssize_t data_size = PyBytes_GET_SIZE(differences), base_size = PyBytes_GET_SIZE(dictionary)
    cdef Py_ssize_t position = 0, cursor = 0
    cdef uint64_t count = 0, shift = 0
    cdef int64_t place
    while out.size < size:
        read_varint(data, &position, data_size, &count)
        if count > <uint64_t>(size - out.size) or count > <uint64_t>(data_size - position):
            raise CorruptRecordError("damaged record: its packed values are cut short")
        put_bytes(out, data + position, <Py_ssize_t>count)
        position += <Py_ssize_t>count
        if out.size == size:
            break
        cursor += <Py_ssize_t>count
        read_varint(data, &position, data_size, &count)
        read_varint(data, &position, data_size, &shift)
        place = unzigzag(shift)
        if place < -cursor or place > base_size - cursor:
            raise CorruptRecordError("damaged record: its packed values come from beyond their dictionary")
        cursor += <Py_ssize_t>place
        if count == 0 or count > <uint64_t>(size - out.size) or count > <uint64_t>(base_size - cursor):
            raise CorruptRecordError("damaged record: its packed values come from beyond their dictionary")
        put_bytes(out, PyBytes_AS_STRING(dictionary) + cursor, <Py_ssize_t>count)
        cursor += <Py_ssize_t>count
    if position != data_size:
        raise CorruptRecordError("damaged record: bytes are left over after its packed values")
    return 0
