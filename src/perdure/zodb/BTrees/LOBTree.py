"""Trees with 64-bit integer keys and values of any kind.

`LOBTree` and `LOBucket` are mappings, `LOTreeSet` and `LOSet` sets. A bucket and a set behave as a tree does; both
are here for programs that use ZODB's smaller kinds.
"""

from __future__ import annotations

from typing import Any

from perdure.session import register_builtin
from perdure.zodb.BTrees._keys import integer_key
from perdure.zodb.BTrees._mapping import IntegerMapping
from perdure.zodb.BTrees._sets import TreeOfKeys

__all__ = ["BTree", "Bucket", "LOBTree", "LOBucket", "LOSet", "LOTreeSet", "Set", "TreeSet"]


@register_builtin(17)
class LOBTree(IntegerMapping):
    """An ordered mapping with 64-bit integer keys.

    >>> tree = LOBTree([(3, "c"), (1, "a")])
    >>> list(tree.items(2))
    [(3, 'c')]
    """

    __slots__ = ()


@register_builtin(19)
class LOTreeSet(TreeOfKeys):
    """An ordered set of 64-bit integer keys.

    >>> list(LOTreeSet([3, 1, 2]).keys(2))
    [2, 3]
    """

    __slots__ = ()
    _perdure_key_ = staticmethod(integer_key)


@register_builtin(22)
class LOBucket(IntegerMapping):
    """A mapping like `LOBTree`."""

    __slots__ = ()


@register_builtin(23)
class LOSet(TreeOfKeys):
    """A set like `LOTreeSet`; it can be indexed."""

    __slots__ = ()
    _perdure_key_ = staticmethod(integer_key)

    def __getitem__(self, index: int) -> Any:
        return self.keys()[index]


BTree = LOBTree
TreeSet = LOTreeSet
Bucket = LOBucket
Set = LOSet
