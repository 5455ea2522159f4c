"""Trees with any keys and values of any kind.

`OOBTree` and `OOBucket` are mappings, `OOTreeSet` and `OOSet` sets. A bucket and a set behave as a tree does; both
are here for programs that use ZODB's smaller kinds.
"""

from __future__ import annotations

from typing import Any

from perdure.session import register_builtin
from perdure.zodb.BTrees._keys import any_key
from perdure.zodb.BTrees._mapping import TreeMapping
from perdure.zodb.BTrees._sets import TreeOfKeys

__all__ = ["BTree", "Bucket", "OOBTree", "OOBucket", "OOSet", "OOTreeSet", "Set", "TreeSet"]


@register_builtin(16)
class OOBTree(TreeMapping):
    """An ordered mapping with any keys.

    >>> tree = OOBTree([(3, "c"), (1, "a")])
    >>> list(tree.items(2))
    [(3, 'c')]
    """

    __slots__ = ()
    _perdure_key_ = staticmethod(any_key)


@register_builtin(18)
class OOTreeSet(TreeOfKeys):
    """An ordered set of any keys.

    >>> list(OOTreeSet([3, 1, 2]).keys(2))
    [2, 3]
    """

    __slots__ = ()
    _perdure_key_ = staticmethod(any_key)


@register_builtin(20)
class OOBucket(TreeMapping):
    """A mapping like `OOBTree`."""

    __slots__ = ()
    _perdure_key_ = staticmethod(any_key)


@register_builtin(21)
class OOSet(TreeOfKeys):
    """A set like `OOTreeSet`; it can be indexed."""

    __slots__ = ()
    _perdure_key_ = staticmethod(any_key)

    def __getitem__(self, index: int) -> Any:
        return self.keys()[index]


BTree = OOBTree
TreeSet = OOTreeSet
Bucket = OOBucket
Set = OOSet
