"""The modules of the system under test, by the names that the workloads use; BENCH_SYSTEM chooses."""

import os
from importlib import import_module
from typing import Any

SYSTEM = os.environ["BENCH_SYSTEM"]

if SYSTEM == "zodb":
    ZODB: Any = import_module("ZODB")
    Persistent: Any = import_module("persistent").Persistent
    OOBTree: Any = import_module("BTrees.OOBTree").OOBTree
elif SYSTEM == "perdure.zodb":
    ZODB = import_module("perdure.zodb")
    Persistent = ZODB.Persistent
    OOBTree = import_module("perdure.zodb.BTrees.OOBTree").OOBTree
else:
    db0: Any = import_module("dbzero" if SYSTEM == "dbzero" else "perdure")
