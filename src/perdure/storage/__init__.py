"""The versioned store: states, views, atomic commits with conflict check and merges, log, history."""

from . import merge, spaces
from .batch import Batch, Committed, PostingDelta, Problem, Resolve
from .log import Changes, LogEntry
from .opening import open_storage
from .spaces import SPACES, Space
from .versioned import VersionedStorage
from .view import View

__all__ = [
    "SPACES",
    "Batch",
    "Changes",
    "Committed",
    "LogEntry",
    "PostingDelta",
    "Problem",
    "Resolve",
    "Space",
    "VersionedStorage",
    "View",
    "merge",
    "open_storage",
    "spaces",
]
