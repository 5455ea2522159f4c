"""What is shown, and what perdure has to reach."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """A line of the table of figures."""

    key: str
    title: str
    unit: Literal["ns", "us", "ms", "bytes", "MiB"] = "ns"


@dataclass(frozen=True)
class Target:
    """A ratio (or figure) to reach.

    `faster`: the other system takes at least `factor` times as long. `within`: perdure takes at most
    `factor` times as long. `at most`: the figure itself, in the row's unit. `other` names another figure to
    compare with.
    """

    key: str
    system: str
    kind: Literal["faster", "within", "at most"]
    factor: float
    against: str = ""
    other: str = ""


ROWS = [
    Row("create", "create"),
    Row("create_commit", "create + durable commit"),
    Row("create_commit_1000000", "the same, 1,000,000 objects"),
    Row("read", "hot attribute read"),
    Row("write", "hot attribute write"),
    Row("first_write", "first write of each loaded object"),
    Row("update_commit_only", "commit of 10,000 updated objects"),
    Row("update_commit", "the same with the updates"),
    Row("cold_fetch", "cold fetch by id + attribute, random order"),
    Row("cold_iterate", "cold iteration + attribute"),
    Row("tags_commit", "three tags an object + commit"),
    Row("tag_count", "two-tag count", "us"),
    Row("tag_iterate_cold", "iteration of the result + attribute, cold"),
    Row("tag_iterate", "iteration of the result + attribute, repeated"),
    Row("index_add_commit", "index add + commit"),
    Row("index_range", "index range, a hit"),
    Row("index_sort", "index sort of a two-tag result, a hit"),
    Row("dict_set", "dict set"),
    Row("dict_set_commit", "dict set + commit"),
    Row("dict_get", "dict get, hot"),
    Row("dict_get_cold", "dict get, cold"),
    Row("list_append", "list append"),
    Row("list_append_commit", "list append + commit"),
    Row("list_iterate", "list iterate, hot"),
    Row("list_iterate_cold", "list iterate, cold"),
    Row("durable_commit", "one-object durable commit", "us"),
    Row("durable_commit_threads", "the same, 8 threads together", "us"),
    Row("open_1000", "open, 1,000 objects", "ms"),
    Row("open_1000000", "open, 1,000,000 objects", "ms"),
    Row("disk_bytes", "disk, an object after its first commit", "bytes"),
    Row("create_peak_bytes", "peak private memory: create + commit", "MiB"),
    Row("cold_iterate_peak_bytes", "peak private memory: cold iteration", "MiB"),
]

SCALE = {"ns": 1.0, "us": 1e3, "ms": 1e6, "bytes": 1.0, "MiB": 2.0**20}
"""What a raw figure (nanoseconds or bytes) is divided by to give its unit."""

MEMO, FACE = "perdure", "perdure.zodb"

TARGETS = [
    Target("create_commit", MEMO, "faster", 7, "dbzero"),
    Target("create_commit", FACE, "faster", 7, "zodb"),
    Target("read", MEMO, "within", 1.6, "plain"),
    Target("write", MEMO, "within", 2, "plain"),
    Target("read", MEMO, "faster", 3, "dbzero"),
    Target("write", MEMO, "faster", 3, "dbzero"),
    Target("update_commit_only", MEMO, "faster", 4, "dbzero"),
    Target("update_commit", MEMO, "faster", 4, "dbzero"),
    Target("update_commit_only", FACE, "faster", 12, "zodb"),
    Target("update_commit", FACE, "faster", 12, "zodb"),
    Target("cold_fetch", MEMO, "faster", 2.5, "dbzero"),
    Target("cold_iterate", MEMO, "faster", 2.5, "dbzero"),
    Target("cold_fetch", FACE, "faster", 10, "zodb"),
    Target("cold_iterate", FACE, "faster", 10, "zodb"),
    Target("tags_commit", MEMO, "faster", 12, "dbzero"),
    Target("tag_count", MEMO, "faster", 20, "dbzero"),
    Target("tag_iterate_cold", MEMO, "faster", 3, "dbzero"),
    Target("tag_iterate", MEMO, "faster", 3, "dbzero"),
    Target("index_add_commit", MEMO, "faster", 2, "dbzero"),
    Target("index_range", MEMO, "faster", 2, "dbzero"),
    Target("index_sort", MEMO, "faster", 2, "dbzero"),
    Target("dict_set", MEMO, "faster", 10, "dbzero"),
    Target("dict_set_commit", MEMO, "faster", 10, "dbzero"),
    Target("dict_get", MEMO, "faster", 20, "dbzero"),
    Target("dict_set", FACE, "faster", 1.2, "zodb"),
    Target("dict_set_commit", FACE, "faster", 1.2, "zodb"),
    Target("dict_get", FACE, "faster", 2, "zodb"),
    Target("list_append", MEMO, "faster", 2, "dbzero"),
    Target("list_append_commit", MEMO, "faster", 2, "dbzero"),
    Target("list_iterate", MEMO, "faster", 2, "dbzero"),
    Target("durable_commit", MEMO, "faster", 0.9, "lmdb"),
    Target("durable_commit", FACE, "faster", 1, "zodb"),
    Target("durable_commit_threads", FACE, "faster", 3, "zodb"),
    Target("open_1000000", MEMO, "at most", 20),
    Target("open_1000000", MEMO, "within", 1.5, MEMO, "open_1000"),
    Target("disk_bytes", MEMO, "at most", 90),
]
