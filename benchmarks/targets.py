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
    Row("group_first", "group_by, first time, an object"),
    Row("group_cached", "group_by, again", "us"),
    Row("group_delta", "group_by after a commit of 100 new objects", "us"),
    Row("split", "split_by, a hit"),
    Row("serialize", "serialize a query", "us"),
    Row("deserialize", "deserialize a query", "us"),
    Row("snapshot_open", "open and close a past snapshot", "us"),
    Row("snapshot_count", "the same with a count in it", "us"),
    Row("select_new", "select_new, a hit"),
    Row("select_modified", "select_modified, a hit"),
    Row("select_deleted", "select_deleted, a hit"),
    Row("reader_latency", "from a commit until a second process sees it", "ms"),
    Row("distinct_tags_250000", "250,000 distinct tags + commit, a tag"),
    Row("distinct_tags_find_250000", "find one of 250,000 tags, cold", "us"),
    Row("limited_fill_1000000", "create + commit of 1,000,000 objects, cache of 64 MiB"),
    Row("limited_read_1000000", "iteration of them"),
    Row("limited_random_1000000", "read at random of them", "us"),
    Row("count_plain_1000000", "count of 1,000,000 objects, again and again", "us"),
    Row("count_filtered_1000000", "the same with a data filter", "us"),
    Row("count_plain_after_other_1000000", "count of 1,000,000 objects, first after a change elsewhere", "us"),
    Row("count_filtered_after_other_1000000", "the same with a data filter", "us"),
    Row("count_plain_after_commit_1000000", "count of 1,000,000 objects, first after a commit of one", "us"),
    Row("count_filtered_after_commit_1000000", "the same with a data filter", "us"),
    Row("count_plain_after_grant_1000000", "count of 1,000,000 objects, first after a change of a grant", "us"),
    Row("count_filtered_after_grant_1000000", "the same with a data filter", "us"),
    Row("open_1000", "open, 1,000 objects", "ms"),
    Row("open_1000000", "open, 1,000,000 objects", "ms"),
    Row("disk_bytes", "disk, an object after its first commit", "bytes"),
    Row("create_peak_bytes", "peak private memory: create + commit", "MiB"),
    Row("cold_iterate_peak_bytes", "peak private memory: cold iteration", "MiB"),
    Row("distinct_tags_peak_bytes_250000", "peak private memory: 250,000 distinct tags", "MiB"),
    Row("limited_fill_peak_bytes_1000000", "peak private memory: 1,000,000 objects, create", "MiB"),
    Row("limited_read_peak_bytes_1000000", "peak private memory: 1,000,000 objects, iteration", "MiB"),
    Row("limited_random_peak_bytes_1000000", "peak private memory: 1,000,000 objects, at random", "MiB"),
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
    Target("group_first", MEMO, "faster", 2, "dbzero"),
    Target("group_cached", MEMO, "faster", 2, "dbzero"),
    Target("group_delta", MEMO, "faster", 2, "dbzero"),
    Target("split", MEMO, "faster", 2, "dbzero"),
    Target("serialize", MEMO, "faster", 2, "dbzero"),
    Target("deserialize", MEMO, "faster", 2, "dbzero"),
    Target("snapshot_open", MEMO, "faster", 2, "dbzero"),
    Target("snapshot_count", MEMO, "faster", 2, "dbzero"),
    Target("select_new", MEMO, "faster", 2, "dbzero"),
    Target("select_modified", MEMO, "faster", 2, "dbzero"),
    Target("select_deleted", MEMO, "faster", 2, "dbzero"),
    Target("distinct_tags_250000", MEMO, "faster", 2, "dbzero"),
    Target("distinct_tags_find_250000", MEMO, "faster", 2, "dbzero"),
    Target("limited_fill_1000000", MEMO, "faster", 2, "dbzero"),
    Target("limited_read_1000000", MEMO, "faster", 2, "dbzero"),
    Target("limited_random_1000000", MEMO, "faster", 2, "dbzero"),
    Target("count_filtered_1000000", MEMO, "within", 2, MEMO, "count_plain_1000000"),
    Target("count_filtered_after_other_1000000", MEMO, "within", 2, MEMO, "count_plain_after_other_1000000"),
    Target("count_filtered_after_commit_1000000", MEMO, "within", 2, MEMO, "count_plain_after_commit_1000000"),
    Target("reader_latency", MEMO, "faster", 2, "dbzero"),
    Target("reader_latency", MEMO, "at most", 50),
    Target("disk_bytes", MEMO, "at most", 90),
]
