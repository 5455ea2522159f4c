"""Durable `List`, `Tuple`, `Dict`, `Set` and `ByteArray`, and `convert`, which makes them of Python's containers."""

from perdure.collections.bytearrays import ByteArray
from perdure.collections.convert import convert, register_conversion
from perdure.collections.dicts import Dict
from perdure.collections.lists import List
from perdure.collections.sets import Set
from perdure.collections.tuples import Tuple

__all__ = ["ByteArray", "Dict", "List", "Set", "Tuple", "convert", "register_conversion"]
