"""The modules of the system under test, by the names that the workloads use; BENCH_SYSTEM chooses."""

import os
from importlib import import_module
from typing import Any

SYSTEM = os.environ["BENCH_SYSTEM"]


def _import(dbzero: str, perdure: str) -> Any:
    return import_module(perdure if SYSTEM.startswith("perdure") else dbzero)


if SYSTEM in ("dbzero", "perdure"):
    db0: Any = _import("dbzero", "perdure")
else:
    ZODB: Any = _import("ZODB", "perdure.zodb")
    Persistent: Any = _import("persistent", "perdure.zodb").Persistent
    OOBTree: Any = _import("BTrees.OOBTree", "perdure.zodb.BTrees.OOBTree").OOBTree
