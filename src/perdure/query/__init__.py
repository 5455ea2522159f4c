"""Tags, `find` and indexes: objects found by what is said of them."""

from perdure.query import values as _values  # noqa: F401 (registers what is a tag)
from perdure.query.finding import find, find_in, no
from perdure.query.index import Index
from perdure.query.labels import Tag, as_tag, register_label, register_target
from perdure.query.result import Query
from perdure.query.sorting import RESULTS_KEPT
from perdure.query.storing import EXTENSION
from perdure.query.tagging import ObjectTagManager, tags, tags_of

__all__ = [
    "EXTENSION",
    "RESULTS_KEPT",
    "Index",
    "ObjectTagManager",
    "Query",
    "Tag",
    "as_tag",
    "find",
    "find_in",
    "no",
    "register_label",
    "register_target",
    "tags",
    "tags_of",
]
