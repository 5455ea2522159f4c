"""Both twins of what reads immutable objects with their parts, for the fuzzer: a root is made from any bytes."""

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, embedding

ROOT = 1_000
SHAPES = {64: ("first", "second", "third"), 65: ("number",), 66: ("mutable",), 67: ()}
"""Fields of a root, of two classes of parts, and of a class that is not immutable (66)."""


class Graphs:
    """Reads records of roots with one twin: `durable`, `records` and `codec` of it."""

    def __init__(self, durable, records, codec):
        self.durable, self.records, self.codec = durable, records, codec
        graphs = self

        class Owner(durable.Owner):
            def class_of_shape(self, shape_id):
                return graphs.kinds[graphs.shape(shape_id).shape_id]

            def class_of(self, class_id):
                raise CorruptRecordError(f"no class {class_id}")

            def shape_of_id(self, shape_id):
                return graphs.shape(shape_id)

            def weak(self, reference):
                raise CorruptRecordError("a weak reference")

            def unpack(self, body):
                raise CorruptRecordError("no dictionary")

        self.owner_type = Owner
        self.shapes, self.kinds = {}, {}
        for shape_id, names in SHAPES.items():
            members = {"_perdure_immutable_": shape_id != 66}
            self.shapes[shape_id] = records.Shape(shape_id, None, names)
            self.kinds[shape_id] = type(durable.Durable)(f"Kind{shape_id}", (durable.Durable,), members)

    def shape(self, shape_id):
        if shape_id not in self.shapes:
            raise CorruptRecordError(f"no shape {shape_id}")
        return self.shapes[shape_id]

    def read(self, data):
        """The graph of a record as plain lists: each object with its number, its class and its fields."""
        owner = self.owner_type()
        root = owner.ghost(ROOT, self.kinds[64])
        if self.codec.decode_header(data)[0] != 64:
            raise CorruptRecordError("another shape")
        self.records.restore(owner, root, data, self.shapes, self._extend)
        return self._plain(root, set())

    def _extend(self, code, payload):
        raise CorruptRecordError(f"an extension {code} of {payload!r}")

    def _plain(self, value, seen):
        if isinstance(value, self.durable.Durable):
            number = self.durable.oid_of(value) - ROOT
            if number in seen:
                return ["again", number]
            seen.add(number)
            fields = self.durable.fields(value)
            return [type(value).__name__, number, [(name, self._plain(fields[name], seen)) for name in sorted(fields)]]
        if hasattr(value, "items"):
            return ["dict", [(self._plain(key, seen), self._plain(item, seen)) for key, item in value.items()]]
        if isinstance(value, list | tuple):
            return [type(value).__name__, [self._plain(item, seen) for item in value]]
        if isinstance(value, set | frozenset):
            return [type(value).__name__, sorted(repr(self._plain(item, set(seen))) for item in value)]
        return [type(value).__name__, repr(value)]


def seeds():
    """Records of roots with parts, containers with parts, and links."""
    part = codec.Extension(embedding.PART, (65, 7))
    link = codec.Extension(embedding.PART_LINK, [1, 65])
    values = [
        *(None, (1, "a"), {"a": (1,)}, part, (part, link), {"key": part, (1, 2): link}),
        codec.Extension(embedding.PART_LINK, [0, 64]),
        codec.Extension(embedding.PART_SET, (part, 5, (1, 2))),
        codec.Extension(embedding.PART_DICT, (part, 1, "b", link)),
        codec.Extension(embedding.PART, (64, codec.Extension(embedding.PART, (65, (part, {"x": link}))), 2, 3)),
        codec.Extension(embedding.PART, (67,)),
        codec.Extension(embedding.PART, (66, 1)),
    ]
    return [codec.encode_record(64, [value, None, 1], None) for value in values]
