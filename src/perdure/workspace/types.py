"""The types of durable collections, for `isinstance`: `perdure.types.List` and so on."""

from perdure.collections import ByteArray, Dict, List, Set, Tuple
from perdure.model import WeakSet
from perdure.query import Index

__all__ = ["ByteArray", "Dict", "Index", "List", "Set", "Tuple", "WeakSet"]
