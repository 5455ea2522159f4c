"""Persistent objects: the base class, mappings and lists."""

from perdure.zodb.persistent.base import CHANGED, GHOST, STICKY, UPTODATE, Persistent

__all__ = ["CHANGED", "GHOST", "STICKY", "UPTODATE", "Persistent"]
