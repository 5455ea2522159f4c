"""The process of one measurement: one graph in one system, its figures as JSON.

`python -m benchmarks.graphs.worker SYSTEM GRAPH DIRECTORY SIZE`; SYSTEM is `dbzero`, or of perdure `mutable`
or `immutable`.
"""

import gc
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.graphs.subjects import FIELDS, GRAPHS, read_whole
from benchmarks.measure import check, disk_bytes, now


def declare(db0: Any, immutable: bool) -> SimpleNamespace:
    """The classes of the graphs."""
    options = {"immutable": True} if immutable else {}
    kinds = {}
    for name, fields in FIELDS.items():
        lines = [f"def __init__(self, {', '.join(fields)}):", *(f"    self.{field} = {field}" for field in fields)]
        members: dict[str, Any] = {"__module__": __name__, "__qualname__": name}
        exec("\n".join(lines), members)
        del members["__builtins__"]
        kinds[name] = globals()[name] = db0.memo(**options)(type(name, (), members))
    return SimpleNamespace(**kinds)


def measure(system: str, graph: str, path: Path, size: int) -> dict[str, float]:
    """Nanoseconds a graph to create and commit, and to read whole after opening anew; bytes a graph on disk."""
    db0 = importlib.import_module("dbzero" if system == "dbzero" else "perdure")
    kinds, make = declare(db0, system == "immutable"), GRAPHS[graph]

    class Root:
        def __init__(self) -> None:
            self.items = db0.list()

    Root.__qualname__ = "Root"
    stored: Any = db0.memo(singleton=True)(Root)
    db0.init(str(path), autocommit=False)
    db0.open("graphs")
    items = stored().items
    db0.commit()
    empty = disk_bytes(path)
    gc.collect()
    begin = now()
    items.extend([make(kinds, number) for number in range(size)])
    db0.commit()
    created = now() - begin
    grown = disk_bytes(path) - empty
    del items
    db0.close()
    db0.init(str(path), autocommit=False)
    db0.open("graphs")
    gc.collect()
    begin = now()
    visited = sum([read_whole(one) for one in stored().items])
    read = now() - begin
    check(visited % size, 0)
    db0.close()
    return {"create_commit": created / size, "read": read / size, "disk_bytes": grown / size}


def lookups(path: Path, size: int) -> dict[str, float]:
    """Nanoseconds to find an interned object: for a new equal object, with and without making it."""
    import perdure as db0

    class Value:
        def __init__(self, name: str, number: int) -> None:
            self.name = name
            self.number = number

    kind: Any = db0.memo(immutable=True, intern=True)(Value)
    db0.init(str(path), autocommit=False)
    db0.open("graphs")
    db0.tags(*[kind(f"value {number}", number) for number in range(size)]).add("kept")
    db0.commit()
    asked = [kind(f"value {number}", number) for number in range(size)]
    gc.collect()
    begin = now()
    for one in asked:
        db0.materialized(one)
    found = now() - begin
    begin = now()
    for _ in range(size):
        db0.materialized(kind("value 7", 7))
    made = now() - begin
    db0.close()
    return {"look_up": found / size, "make_and_look_up": made / size}


if __name__ == "__main__":
    system, graph, path, size = sys.argv[1:]
    figures = lookups(Path(path), int(size)) if graph == "lookups" else measure(system, graph, Path(path), int(size))
    print(json.dumps(figures))
