"""Declared fields: those whose values are tags of their objects too, or keys of an index that is kept up."""

from perdure.declared import dropping as _dropping  # noqa: F401 (hears of deleted objects)
from perdure.declared import showing as _showing  # noqa: F401 (tells queries what is kept up)
from perdure.declared.declarations import (
    effective,
    get_indexed_fields,
    get_tag_fields,
    indexed_fields,
    stored_classes,
    tag_fields,
)
from perdure.declared.managed_index import ManagedIndex
from perdure.declared.migrating import instances, migrate
from perdure.declared.mirroring import recall
from perdure.declared.references import FieldNamespace, FieldReference, fields_of, index_in, index_of
from perdure.declared.renaming import rename_field

__all__ = [
    "FieldNamespace",
    "FieldReference",
    "ManagedIndex",
    "effective",
    "fields_of",
    "get_indexed_fields",
    "get_tag_fields",
    "index_in",
    "index_of",
    "indexed_fields",
    "instances",
    "migrate",
    "recall",
    "rename_field",
    "stored_classes",
    "tag_fields",
]
