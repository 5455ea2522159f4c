"""Claims of the spec, section 11."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import Plain, Shown

pytestmark = pytest.mark.usefixtures("root")


def keep(*objects: Any) -> Any:
    db0.tags(*objects).add("kept")
    return objects[0]


def test_cache_statistics_have_sizes_and_what_waits_to_be_dropped() -> None:
    stats = db0.get_cache_stats()
    assert set(stats) >= {"size", "capacity", "P_size", "deferred_free_count", "lang_cache_size"}
    keep(*(Shown("x" * 100) for _ in range(200)))
    db0.commit()
    grown = db0.get_cache_stats()
    assert grown["size"] > stats["size"] and grown["capacity"] == 2 << 30
    assert grown["P_size"]["P0"] + grown["P_size"]["P1"] == grown["size"]
    db0.set_cache_size(50_000)
    assert db0.get_cache_stats()["capacity"] == 50_000 and db0.get_cache_stats()["size"] <= 50_000 * 1.05


def test_a_cancelled_block_restores_the_count_of_what_waits_to_be_dropped() -> None:
    held = Shown("held")
    db0.commit()
    before = db0.get_cache_stats()["deferred_free_count"]
    assert before == 1 and held.name == "held"
    with db0.atomic() as block:
        Shown("more")
        block.cancel()
    assert db0.get_cache_stats()["deferred_free_count"] == before


def test_the_cache_of_objects_has_its_size_and_the_capacity_given(tmp_path: Path) -> None:
    db0.close()
    db0.init(tmp_path / "other", prefix="main", autocommit=False, lang_cache_size=77)
    assert db0.get_lang_cache_stats() == {"size": 0, "capacity": 77}
    keep(Shown("a"))
    db0.commit()
    assert db0.get_lang_cache_stats()["size"] >= 1


def test_prefix_statistics() -> None:
    stats = db0.get_prefix_stats()
    assert (stats["name"], stats["uuid"]) == tuple(db0.get_current_prefix())
    assert stats["dp_size"] == 4096 and stats["restricted"] is False and stats["gc0"]["size"] == 0
    held = Shown("held")
    db0.commit()
    assert db0.get_prefix_stats()["gc0"]["size"] == 1 and db0.get_prefix_stats()["cache"]["objects"] == 1
    assert held.name == "held"
    db0.open("other")
    assert db0.get_prefix_stats()["name"] == "other" and db0.get_prefix_stats("main")["name"] == "main"
    with pytest.raises(RuntimeError):
        db0.get_prefix_stats("closed")


@pytest.mark.parametrize("tag", ["new", "long" * 300, "", "żółw"])
def test_the_pool_of_texts_grows_and_shrinks_with_the_tags_in_use(tag: str) -> None:
    shown = keep(Shown("a"))
    size = db0.get_prefix_stats()["string_pool"]["size"]
    db0.tags(shown).add(tag)
    assert db0.get_prefix_stats()["string_pool"]["size"] == size + 1
    db0.commit()
    assert db0.get_prefix_stats()["string_pool"]["size"] == size + 1
    db0.tags(shown).remove(tag)
    db0.commit()
    assert db0.get_prefix_stats()["string_pool"]["size"] == size


def test_storage_statistics() -> None:
    stats = db0.get_storage_stats()
    assert set(stats) >= {
        "dp_size_uncommited",
        "dram_io_rand_ops",
        "dram_io_size",
        "file_rand_read_ops",
        "file_rand_write_ops",
        "file_bytes_read",
        "file_bytes_written",
        "dp_size_total",
    }
    assert stats["dp_size_total"] > 0 and stats["dp_size_uncommited"] == 0
    keep(Shown("x" * 1000))
    assert db0.get_storage_stats("main")["dp_size_uncommited"] > 1000
    db0.commit()
    after = db0.get_storage_stats()
    assert after["dp_size_uncommited"] == 0 and after["state"] == stats["state"] + 1


def test_slabs_fill_up_by_what_is_stored() -> None:
    (before,) = db0.get_slab_metrics().values()
    assert set(before) == {"size", "admin_space_size", "remaining_capacity", "max_alloc_size"}
    text = 200_000
    keep(*(Shown("x" * text) for _ in range(10)))
    db0.commit()
    (after,) = db0.get_slab_metrics().values()
    used = before["remaining_capacity"] - after["remaining_capacity"] + (after["size"] - before["size"])
    assert 10 * text <= used < 10 * text / 0.8


def test_statistics_need_a_workspace() -> None:
    db0.close()
    for ask in (db0.get_cache_stats, db0.get_lang_cache_stats, db0.get_prefix_stats, db0.get_storage_stats):
        with pytest.raises(RuntimeError):
            ask()
    assert Plain().width == 1
