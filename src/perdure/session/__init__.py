"""Databases and connections: objects as of a state, pending changes, savepoints, commit."""

from perdure.session.builtin import FIRST_FREE_ID, builtin_class, builtin_id, locate_builtins, register_builtin
from perdure.session.catalog import Catalog, ClassEntry, Shape
from perdure.session.class_entries import class_key
from perdure.session.classes import StandIn, identity_of, register_class, registered_class, resolve_class
from perdure.session.connection import Connection, Savepoint
from perdure.session.database import Database
from perdure.session.extensions import find_extension, read_extension, register_extension
from perdure.session.guard import Guarded, is_guarded
from perdure.session.identified import check_accessible, check_identified
from perdure.session.instances import count_instances, instance_ids
from perdure.session.interning import content_of
from perdure.session.leading import mark_head, postings_under, tag_of_posting
from perdure.session.lifetime import observe_drops
from perdure.session.overlay import by_chunk
from perdure.session.protected import PROTECTED, is_protected, note_definition, protection_of
from perdure.session.restricted import (
    RESTRICTED,
    any_restricted,
    count_restricted,
    has_restricted,
    is_restricted,
    restrict,
    set_check,
)
from perdure.session.roots import delete_root, get_root, root_names, set_root
from perdure.session.tagging import class_tag, passive_mark
from perdure.session.weak import Forwarding, Weak

__all__ = [
    "FIRST_FREE_ID",
    "PROTECTED",
    "RESTRICTED",
    "Catalog",
    "ClassEntry",
    "Connection",
    "Database",
    "Forwarding",
    "Guarded",
    "Savepoint",
    "Shape",
    "StandIn",
    "Weak",
    "any_restricted",
    "builtin_class",
    "builtin_id",
    "by_chunk",
    "check_accessible",
    "check_identified",
    "class_key",
    "class_tag",
    "content_of",
    "count_instances",
    "count_restricted",
    "delete_root",
    "find_extension",
    "get_root",
    "has_restricted",
    "identity_of",
    "instance_ids",
    "is_guarded",
    "is_protected",
    "is_restricted",
    "locate_builtins",
    "mark_head",
    "note_definition",
    "observe_drops",
    "passive_mark",
    "postings_under",
    "protection_of",
    "read_extension",
    "register_builtin",
    "register_class",
    "register_extension",
    "registered_class",
    "resolve_class",
    "restrict",
    "root_names",
    "set_check",
    "set_root",
    "tag_of_posting",
]
