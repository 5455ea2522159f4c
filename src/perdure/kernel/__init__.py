"""The compiled kernel, or its pure-Python twin.

`PERDURE_PURE=1` asks for the twin; it is also used when no compiled module can be imported.
`COMPILED` tells which one this process runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        changes,
        codec,
        durable,
        embedded,
        embedding,
        entries,
        identity,
        keys,
        mapping,
        records,
        sequence,
        versions,
    )

    COMPILED: bool
elif os.environ.get("PERDURE_PURE"):
    from ._pure import (
        changes,
        codec,
        durable,
        embedded,
        embedding,
        entries,
        identity,
        keys,
        mapping,
        records,
        sequence,
        versions,
    )

    COMPILED = False
else:
    try:
        from . import (
            changes,
            codec,
            durable,
            embedded,
            embedding,
            entries,
            identity,
            keys,
            mapping,
            records,
            sequence,
            versions,
        )

        COMPILED = True
    except ImportError:
        from ._pure import (
            changes,
            codec,
            durable,
            embedded,
            embedding,
            entries,
            identity,
            keys,
            mapping,
            records,
            sequence,
            versions,
        )

        COMPILED = False

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
    "mapping",
    "records",
    "sequence",
    "versions",
]
