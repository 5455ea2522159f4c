"""Tags, `find` and indexes: objects found by what is said of them."""

from perdure.query import values as _values  # noqa: F401 (registers what is a tag)
from perdure.query.composites import CompositeTag, TagPrefix, as_tag, tag_prefix
from perdure.query.context import register_class_source
from perdure.query.explaining import Explanation
from perdure.query.filtering import filter_query
from perdure.query.finding import Negation, find, find_in, no
from perdure.query.functions import get_lambda_source
from perdure.query.group_by import GroupByEval, group_by
from perdure.query.group_cache import FastQueryCache, GroupByBucket, init_fast_query
from perdure.query.group_defs import GroupDef, count_op, make_sum
from perdure.query.group_rows import FastQuery
from perdure.query.index import Index
from perdure.query.joining import JoinQuery, join
from perdure.query.labels import Tag, register_label, register_target
from perdure.query.predicates import Predicate, predicate
from perdure.query.result import Query
from perdure.query.serializing import deserialize, deserialize_at, serialize
from perdure.query.signatures import signature_of
from perdure.query.sorting import RESULTS_KEPT
from perdure.query.splitting import split_by
from perdure.query.storing import EXTENSION
from perdure.query.tagging import ObjectTagManager, tags, tags_of
from perdure.query.words import taggify

__all__ = [
    "EXTENSION",
    "RESULTS_KEPT",
    "CompositeTag",
    "Explanation",
    "FastQuery",
    "FastQueryCache",
    "GroupByBucket",
    "GroupByEval",
    "GroupDef",
    "Index",
    "JoinQuery",
    "Negation",
    "ObjectTagManager",
    "Predicate",
    "Query",
    "Tag",
    "TagPrefix",
    "as_tag",
    "count_op",
    "deserialize",
    "deserialize_at",
    "filter_query",
    "find",
    "find_in",
    "get_lambda_source",
    "group_by",
    "init_fast_query",
    "join",
    "make_sum",
    "no",
    "predicate",
    "register_class_source",
    "register_label",
    "register_target",
    "serialize",
    "signature_of",
    "split_by",
    "tag_prefix",
    "taggify",
    "tags",
    "tags_of",
]
