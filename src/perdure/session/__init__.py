"""Databases and connections: objects as of a state, pending changes, savepoints, commit."""

from perdure.session.builtin import FIRST_FREE_ID, builtin_class, builtin_id, locate_builtins, register_builtin
from perdure.session.catalog import Catalog, ClassEntry, Shape
from perdure.session.classes import StandIn, identity_of, register_class, resolve_class
from perdure.session.connection import Connection, Savepoint
from perdure.session.database import Database
from perdure.session.extensions import find_extension, read_extension, register_extension
from perdure.session.guard import Guarded, is_guarded
from perdure.session.identified import check_identified
from perdure.session.interning import content_of
from perdure.session.leading import mark_head, postings_under, tag_of_posting
from perdure.session.lifetime import observe_drops
from perdure.session.overlay import by_chunk
from perdure.session.roots import delete_root, get_root, root_names, set_root
from perdure.session.tagging import class_tag, passive_mark
from perdure.session.weak import Forwarding, Weak

__all__ = [
    "FIRST_FREE_ID",
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
    "builtin_class",
    "builtin_id",
    "by_chunk",
    "check_identified",
    "class_tag",
    "content_of",
    "delete_root",
    "find_extension",
    "get_root",
    "identity_of",
    "is_guarded",
    "locate_builtins",
    "mark_head",
    "observe_drops",
    "passive_mark",
    "postings_under",
    "read_extension",
    "register_builtin",
    "register_class",
    "register_extension",
    "resolve_class",
    "root_names",
    "set_root",
    "tag_of_posting",
]
