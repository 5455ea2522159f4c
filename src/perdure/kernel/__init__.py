"""The compiled kernel, or its pure-Python twin.

`PERDURE_PURE=1` asks for the twin; it is also used when no compiled module can be imported.
`COMPILED` tells which one this process runs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "COMPILED",
    "changes",
    "codec",
    "durable",
    "embedded",
    "embedding",
    "entries",
    "identity",
    "keys",
    "locks",
    "mapping",
    "records",
    "seeking",
    "sequence",
    "versions",
]


def _is_compiled() -> bool:
    if os.environ.get("PERDURE_PURE"):
        return False
    try:
        for name in __all__[1:]:
            import_module(f".{name}", __name__)
    except ImportError:
        return False
    return True


COMPILED = _is_compiled()

if TYPE_CHECKING or COMPILED:
    from . import (
        changes,
        codec,
        durable,
        embedded,
        embedding,
        entries,
        identity,
        keys,
        locks,
        mapping,
        records,
        seeking,
        sequence,
        versions,
    )
else:
    from ._pure import (
        changes,
        codec,
        durable,
        embedded,
        embedding,
        entries,
        identity,
        keys,
        locks,
        mapping,
        records,
        seeking,
        sequence,
        versions,
    )
