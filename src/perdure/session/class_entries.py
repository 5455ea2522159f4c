"""A class as a database knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.errors import ObjectError
from perdure.kernel import codec, durable, keys, records

__all__ = ["CLASS", "ClassEntry", "check_flags", "class_key"]

CLASS = b"c"
"""How the keys of classes begin in the catalog."""
Shape = records.Shape


@dataclass(slots=True)
class ClassEntry:
    """A class as this database knows it."""

    class_id: int
    identity: str
    module: str
    qualname: str
    flags: dict[str, object]
    bases: tuple[int, ...]
    cls: type[durable.Durable] | None = None
    masks: dict[type, dict[int, Shape]] = field(default_factory=dict)
    """Shapes by the mask of an object, whose bits mean other names in each definition of the class."""
    by_names: dict[tuple[str, ...], Shape] = field(default_factory=dict)
    dictionary_id: int = 0
    has_twin: bool = False
    """Whether the class has another id, too."""

    def by_mask(self, cls: type) -> dict[int, Shape]:
        """The shapes of the objects of a definition of the class."""
        return self.masks.get(cls) or self.masks.setdefault(cls, {})

    @property
    def typed(self) -> bool:
        """Whether instances carry their class as a tag from birth."""
        return bool(self.flags.get("typed", False))

    @property
    def immutable(self) -> bool:
        """Whether instances are written once, with their parts in their records."""
        return bool(self.flags.get("immutable", False))

    def encode(self) -> bytes:
        """The stored form."""
        return codec.encode_value((self.identity, self.module, self.qualname, self.flags, self.bases))


def class_key(class_id: int) -> bytes:
    """The key of the stored entry of a class."""
    return CLASS + keys.encode_uint(class_id)


def check_flags(entry: ClassEntry, cls: type) -> None:
    """Raise when `cls` says of its objects' layout what is not true of those stored."""
    declared = getattr(cls, "_perdure_flags_", {})
    for flag in ("immutable", "intern"):
        stored, wanted = bool(entry.flags.get(flag)), bool(declared.get(flag))
        if stored != wanted:
            raise ObjectError(
                f"the {flag} flag of {entry.identity} is {stored} in this database and {wanted} in the class; "
                f"declare it as it was, or store the new class under another id"
            )
