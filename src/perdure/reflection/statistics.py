"""Numbers about caches, prefixes and their files."""

from __future__ import annotations

from typing import Any

from perdure.engine.lmdb import LmdbEngine
from perdure.kernel import keys
from perdure.model import scope
from perdure.model.restriction import is_static
from perdure.query.labels import TEXT
from perdure.security import FILTERS
from perdure.session import Connection, tag_of_posting
from perdure.session.overlay import TAG_LIMIT
from perdure.storage import merge, spaces
from perdure.workspace.functions import workspace

__all__ = ["get_lang_cache_stats", "get_prefix_stats", "get_slab_metrics", "get_storage_stats"]

_PAGE_BYTES = 4096


def get_lang_cache_stats() -> dict[str, int]:
    """`size`: how many objects the open prefixes have in memory. `capacity`: what `init` was given for it.

    The capacity is a number to compare with: what bounds memory is `cache_size`.
    """
    space = workspace()
    connections = [prefix.connection for prefix in space.list_open()]
    return {
        "size": sum(len(connection.objects) for connection in connections),
        "capacity": space.settings.lang_cache_size,
    }


def get_prefix_stats(prefix: str | None = None) -> dict[str, Any]:
    """Facts about an open prefix, by default the current one.

    `name`, `uuid`, `dp_size` (bytes of a page of its file), `restricted` (see `set_restricted`), `data_filter`
    (`enabled`: whether it has one), `gc0` (`size`: objects
    that only Python code holds), `string_pool` (`size`: different texts in use as tags; they are counted),
    `cache` (`size` and `capacity` in bytes, `objects`).

    Raises `RuntimeError` when the prefix is not open.
    """
    connection = workspace().opened(prefix).connection
    with connection.lock:
        connection.flush()
        return {
            "name": scope.name_of(connection),
            "uuid": connection.database.uuid,
            "dp_size": _PAGE_BYTES,
            "restricted": is_static(connection),
            "data_filter": {"enabled": FILTERS.of(connection) is not None},
            "gc0": {"size": len(connection.lifetime.unheld)},
            "string_pool": {"size": _count_texts(connection)},
            "cache": {
                "size": connection.cached_bytes,
                "capacity": connection.budget,
                "objects": len(connection.objects),
            },
        }


def _count_texts(connection: Connection) -> int:
    first, after = keys.encode((TEXT,)), keys.encode((TEXT + 1,))
    sizes: dict[bytes, int] = {}
    for key, value in connection.view.scan(spaces.POSTINGS.id, first, after):
        tag = tag_of_posting(key)
        sizes[tag] = sizes.get(tag, 0) + len(merge.posting_value(value))
    changed = {tag for overlay in connection.overlays for tag in overlay.postings if first <= tag < after}
    for tag in changed:
        sizes[keys.shorten(tag, TAG_LIMIT)] = sum(map(len, connection.postings.of(tag).values()))
    return sum(size > 0 for size in sizes.values())


def get_storage_stats(prefix: str | None = None) -> dict[str, int]:
    """Sizes of an open prefix, in bytes where not said otherwise; by default of the current one.

    `dp_size_total`: of its file. `dp_size_uncommited`: of what waits for the commit. `state`: the newest state.
    `file_bytes_read`, `file_bytes_written`, `file_rand_read_ops`, `file_rand_write_ops`, `dram_io_size` and
    `dram_io_rand_ops` are 0: the operating system reads and writes the file's pages, and does not say for whom.

    Raises `RuntimeError` when the prefix is not open.
    """
    connection = workspace().opened(prefix).connection
    with connection.lock:
        connection.flush()
        contents = [content for overlay in connection.overlays for content in overlay.puts.values()]
        uncommitted = sum(len(key) + len(value or b"") for content in contents for key, value in content.items())
    found = dict.fromkeys(
        (
            "dram_io_rand_ops",
            "dram_io_size",
            "file_bytes_read",
            "file_bytes_written",
            "file_rand_read_ops",
            "file_rand_write_ops",
        ),
        0,
    )
    total = connection.database.storage.engine.size_bytes()
    return {**found, "dp_size_total": total, "dp_size_uncommited": uncommitted, "state": connection.state}


def get_slab_metrics(prefix: str | None = None) -> dict[int, dict[str, int]]:
    """How full the file of an open prefix is, in bytes: `{0: {...}}`, since a file is one slab here.

    `size`: up to where the file may grow without being mapped anew. `remaining_capacity`: what of it is not in use.
    `admin_space_size`: of the pages that describe the file. `max_alloc_size`: the longest value.

    Raises `RuntimeError` when the prefix is not open.
    """
    engine = workspace().opened(prefix).connection.database.storage.engine
    size, used = engine.map_usage() if isinstance(engine, LmdbEngine) else (engine.size_bytes(), engine.size_bytes())
    return {
        0: {
            "size": size,
            "admin_space_size": 2 * _PAGE_BYTES,
            "remaining_capacity": size - used,
            "max_alloc_size": 0xFFFFFFFF,
        }
    }
