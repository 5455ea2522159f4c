"""The parts of a record: the objects that are embedded in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, embedding
from perdure.session.squeezing import open_record

if TYPE_CHECKING:
    from perdure.session.catalog import Catalog

__all__ = ["parts_in", "sizes_in"]


def parts_in(catalog: Catalog, data: bytes) -> list[int]:
    """The shape ids of the parts in a record, in the order of their numbers."""
    return [shape_id for shape_id, _ in sizes_in(open_record(catalog, data))]


def sizes_in(data: bytes) -> list[tuple[int, int]]:
    """Shape id and number of fields of each part in a record that is not packed, in the order of their numbers."""
    found: list[tuple[int, int]] = []

    def note(code: int, payload: Any) -> object:
        if code == embedding.PART:
            if not isinstance(payload, tuple) or not payload or not isinstance(payload[0], int):
                raise CorruptRecordError(f"a part without a shape: {payload!r}")
            found.append((payload[0], len(payload) - 1))
        return code

    _, references, offset = codec.decode_header(data)
    codec.decode_values(data, offset, references, note)
    return found
