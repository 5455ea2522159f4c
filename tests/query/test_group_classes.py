"""The classes behind `group_by`: definitions, evaluations, what is kept of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.query.group_cache import current_cache

pytestmark = pytest.mark.usefixtures("main")


@db0.memo
class Row:
    def __init__(self, size: int) -> None:
        self.size = size


def size_of(row: Any) -> int:
    return int(row.size)


@pytest.fixture
def main(tmp_path: Path) -> Iterator[Path]:
    """Six committed rows, of which two are tagged `odd` and two `even`."""
    db0.init(tmp_path, prefix="main", autocommit=False)
    rows = [Row(number) for number in range(6)]
    db0.tags(*rows).add("row")
    db0.tags(rows[1], rows[3]).add("odd")
    db0.tags(rows[0], rows[2]).add("even")
    db0.commit()
    yield tmp_path
    db0.close()
    db0.init_fast_query(None)


# -- definitions -------------------------------------------------------------------------------------------


def test_a_definition_is_a_function_or_a_list_of_tags() -> None:
    by_size, by_tag = db0.GroupDef.of(size_of), db0.GroupDef.of(["odd", "even"])
    assert by_size.function is size_of and by_size.labels == ()
    assert by_tag.function is None and len(by_tag.labels) == 2
    assert db0.GroupDef.of(by_tag) is by_tag and db0.GroupDef.of(["odd", "even"]) == by_tag
    assert db0.GroupDef.of(db0.enum("GroupSize", ["S", "M"])).labels == db0.GroupDef.of(
        list(db0.enum("GroupSize", ["S", "M"]).values())
    ).labels  # fmt: skip


def test_definitions_are_told_apart_by_their_signatures() -> None:
    ways = [size_of, len, ["odd", "even"], ["even", "odd"], ["odd"]]
    assert len({db0.GroupDef.of(way).signature() for way in ways}) == len(ways)
    assert db0.GroupDef.of(["odd"]).signature() == db0.GroupDef.of(("odd",)).signature()


@pytest.mark.parametrize(
    ("bad", "error"),
    [("odd", TypeError), (3, TypeError), (Row, TypeError), (b"odd", TypeError), ([], ValueError), ([3], ValueError)],
)
def test_what_cannot_be_grouped_by_is_refused(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        db0.GroupDef.of(bad)


def test_group_by_takes_definitions_as_they_are() -> None:
    definition = db0.GroupDef.of(["odd", "even"])
    assert db0.group_by(definition, db0.find(Row)) == db0.group_by(["odd", "even"], db0.find(Row))


# -- evaluation --------------------------------------------------------------------------------------------


def test_an_evaluation_is_applied_to_any_query() -> None:
    by_tag = db0.GroupByEval([db0.GroupDef.of(["odd", "even"])], (db0.count_op, db0.make_sum(size_of)))
    assert by_tag.run(db0.find(Row)) == {"odd": (2, 4), "even": (2, 2)}
    assert by_tag.run(db0.find(Row, "odd")) == {"odd": (2, 4)}
    assert by_tag.run(db0.find("nothing")) == {}


def test_tuple_keys_are_tuples_also_of_one_definition() -> None:
    groups = [db0.GroupDef.of(["odd", "even"])]
    assert db0.GroupByEval(groups, (db0.count_op,), tuple_keys=True).run(db0.find(Row)) == {("odd",): 2, ("even",): 2}
    assert db0.GroupByEval(groups, (db0.count_op,)).run(db0.find(Row)) == {"odd": 2, "even": 2}


def test_a_bucket_has_the_number_of_rows_and_a_state_for_each_operation() -> None:
    bucket = db0.GroupByBucket(2, [2, 4])
    copied = bucket.copy()
    assert copied == bucket and copied is not bucket
    copied.states[0] = 3
    assert bucket.states == [2, 4] and bucket.rows == 2


def test_a_fast_query_sees_the_last_committed_state() -> None:
    Row(100)
    fast = db0.FastQuery(db0.find(Row), private=False)
    cells, labels = fast.cells([db0.GroupDef.of(["odd", "even"])])
    assert labels == [["odd", "even"]]
    assert {key: sum(map(len, members.values())) for key, members in cells.items()} == {(0,): 2, (1,): 2}
    assert fast.state == db0.get_state_num(finalized=True)
    fast.close(rows_are_kept=False)


def test_a_fast_query_gives_connections_to_the_past() -> None:
    before = db0.get_state_num(finalized=True)
    rows = db0.find(Row, "odd")
    identity = db0.uuid(rows[0,][0])
    next(iter(rows)).size = 50
    db0.commit()
    fast = db0.FastQuery(rows, private=True)
    past = fast.past(before)
    assert past.state == before and fast.state == before + 1
    assert past.get(db0.get_address(db0.fetch(identity))).size == 1  # type: ignore[attr-defined]
    fast.close(rows_are_kept=False)
    assert past.is_closed() and fast.connection.is_closed()


# -- what is kept ------------------------------------------------------------------------------------------


def test_a_cache_keeps_outcomes_and_forgets_them() -> None:
    db0.init_fast_query(None)
    cache = current_cache()
    assert isinstance(cache, db0.FastQueryCache) and len(cache) == 0
    db0.group_by(size_of, db0.find(Row))
    db0.group_by(size_of, db0.find(Row, "odd"))
    assert len(cache) == 2
    db0.group_by(size_of, db0.find(Row))
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0 and len(db0.group_by(size_of, db0.find(Row))) == 6


def test_a_cache_in_a_prefix_is_there_for_the_next_process(main: Path) -> None:
    db0.init_fast_query("cache")
    expected = db0.group_by(size_of, db0.find(Row))
    db0.close()
    db0.init(main, prefix="main", autocommit=False)
    db0.init_fast_query("cache")
    cache = current_cache()
    assert len(cache) == 0
    assert db0.group_by(size_of, db0.find(Row)) == expected
    cache.clear()
    assert {prefix.name for prefix in db0.get_mutable_prefixes()} == {"main", "cache"}
