from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.collections import List
from perdure.kernel import durable
from perdure.model import enum
from perdure.model.enums import value_of
from perdure.query import (
    GroupByEval,
    GroupDef,
    as_tag,
    count_op,
    filter_query,
    find,
    find_in,
    group_by,
    init_fast_query,
    make_sum,
    split_by,
    tags,
)
from perdure.session import Connection, Database

from .conftest import Other, Thing

RED, GREEN = value_of("GroupColor", "RED"), value_of("GroupColor", "GREEN")


class Calls:
    """A function of the row that counts how often it is called."""

    def __init__(self, name: str = "group") -> None:
        self.name = name
        self.number = 0

    def __call__(self, row: Any) -> Any:
        self.number += 1
        return getattr(row, self.name)


@pytest.fixture(autouse=True)
def own_cache() -> Iterator[None]:
    init_fast_query(None)
    yield
    init_fast_query(None)


@pytest.fixture
def things(connection: Connection) -> list[Any]:
    made: list[Any] = [Thing(number) for number in range(12)]
    for thing in made:
        thing.group, thing.size = "abc"[thing.name % 3], thing.name
        tags(thing).add("all", "even" if thing.name % 2 == 0 else "odd", RED if thing.name < 4 else GREEN)
    tags(*made[:3]).add("first")
    connection.commit()
    return made


def test_groups_by_a_function_are_counted(things: list[Any]) -> None:
    assert group_by(lambda row: row.group, find("all")) == {"a": 4, "b": 4, "c": 4}


def test_groups_by_tags_have_the_names_of_the_tags(things: list[Any]) -> None:
    assert group_by(["even", "odd"], find("all")) == {"even": 6, "odd": 6}
    assert group_by((RED, GREEN), find("all")) == {"RED": 4, "GREEN": 8}
    assert group_by(enum("GroupColor", ["RED", "GREEN"]), find("even")) == {"RED": 2, "GREEN": 4}
    assert group_by([value_of("GroupColor", "RED", False)], find("all")) == {"RED": 4}
    assert group_by((tag for tag in ("even", "odd")), find("first")) == {"even": 2, "odd": 1}


def test_objects_without_a_tag_are_left_out_and_the_first_tag_counts(things: list[Any]) -> None:
    assert group_by(["first", "even"], find("all")) == {"first": 3, "even": 4}
    assert group_by(["even", "first"], find("all")) == {"even": 6, "first": 1}
    assert group_by(["nothing"], find("all")) == {}


def test_tuples_group_by_several_things(things: list[Any]) -> None:
    found = group_by((["even", "odd"], lambda row: row.group), find("all"))
    assert found == Counter(("even" if n % 2 == 0 else "odd", "abc"[n % 3]) for n in range(12))
    assert group_by((["even", "odd"], [RED, GREEN]), find("all")) == {
        ("even", "RED"): 2, ("odd", "RED"): 2, ("even", "GREEN"): 4, ("odd", "GREEN"): 4
    }  # fmt: skip
    assert group_by((lambda row: row.group,), find("first")) == {("a",): 1, ("b",): 1, ("c",): 1}


def test_one_operation_gives_its_state_and_several_give_tuples(things: list[Any]) -> None:
    total = make_sum(lambda row: row.size)
    assert group_by(["even", "odd"], find("all"), total) == {"even": 30, "odd": 36}
    assert group_by(["even", "odd"], find("all"), (total,)) == {"even": 30, "odd": 36}
    assert group_by(["even", "odd"], find("all"), (count_op, total)) == {"even": (6, 30), "odd": (6, 36)}
    assert group_by(["even", "odd"], find("all"), (count_op, count_op)) == {"even": (6, 6), "odd": (6, 6)}
    assert group_by(lambda row: row.group, find("even"), (total, count_op)) == {"a": (6, 2), "b": (14, 2), "c": (10, 2)}


class Names:
    """An operation that tells how often it was asked for a first state."""

    begun = 0

    def __call__(self, state: Any, removed: Any, added: Any) -> Any:
        if state is None:
            assert removed is None and added is None
            self.begun += 1
            return frozenset()
        return (state - {row.name for row in removed}) | {row.name for row in added}


def test_own_operations_begin_with_none_and_get_removed_and_added_rows(
    things: list[Any], connection: Connection
) -> None:
    names = Names()
    assert group_by(["even", "odd"], find("first"), names) == {"even": {0, 2}, "odd": {1}}
    assert names.begun == 2
    tags(things[0]).remove("first")
    connection.commit()
    assert group_by(["even", "odd"], find("first"), names) == {"even": {2}, "odd": {1}}
    tags(things[3]).add("first")
    connection.commit()
    assert group_by(["even", "odd"], find("first"), names) == {"even": {2}, "odd": {1, 3}}
    assert names.begun == 2


def test_an_operation_may_keep_rows_and_change_its_state_in_place(things: list[Any], connection: Connection) -> None:
    def rows(state: Any, removed: Any, added: Any) -> Any:
        if state is None:
            return []
        for row in removed:
            state[:] = [one for one in state if one.name != row.name]
        state.extend(added)
        return state

    found = group_by(["even"], find("first"), rows)
    found["even"].append("the caller's own")
    tags(things[4]).add("first")
    connection.commit()
    assert [row.name for row in group_by(["even"], find("first"), rows)["even"]] == [0, 2, 4]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (None, TypeError), (3, TypeError), ("even", TypeError), (RED, TypeError), (b"x", TypeError), (Thing, TypeError),
        ([], ValueError), ((), ValueError), ([1], ValueError), ([lambda row: row], ValueError),
        (("even", lambda row: row), ValueError), ((lambda row: row, 3), TypeError), ([["even"]], ValueError),
    ],
)  # fmt: skip
def test_what_cannot_be_grouped_by_is_refused(connection: Connection, bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        group_by(bad, find("all"))


@pytest.mark.parametrize(("bad", "error"), [(None, TypeError), (3, TypeError), ((), ValueError), ((3,), TypeError)])
def test_what_is_no_operation_is_refused(connection: Connection, bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        group_by(["even"], find("all"), bad)
    with pytest.raises(TypeError):
        make_sum(3)  # type: ignore[arg-type]


def test_what_is_no_query_is_refused(connection: Connection) -> None:
    for bad in (None, Thing, [Thing], "all"):
        with pytest.raises(RuntimeError):
            group_by(["even"], bad)  # type: ignore[arg-type]


def test_named_functions_and_enum_values_and_objects_as_keys(things: list[Any], connection: Connection) -> None:
    def owner(row: Any) -> Any:
        return row.owner

    author = Other("author")
    for thing in things:
        thing.owner = author if thing.name % 2 else RED
    connection.commit()
    assert group_by(owner, find("all")) == {author: 6, "RED": 6}
    assert group_by((owner, ["first"]), find("all")) == {(author, "first"): 1, ("RED", "first"): 2}
    assert all(durable.owner_of(key) is connection for key in group_by(owner, find("odd")))


def test_the_last_committed_state_counts(things: list[Any], connection: Connection) -> None:
    tags(Thing("new")).add("all", "even")
    tags(things[0]).remove("all")
    things[1].group = "changed"
    assert group_by(["even", "odd"], find("all")) == {"even": 6, "odd": 6}
    assert group_by(lambda row: row.group, find("all"))["a"] == 4
    assert "changed" not in group_by(lambda row: row.group, find("all"))
    connection.commit()
    assert group_by(["even", "odd"], find("all")) == {"even": 6, "odd": 6}
    assert group_by(lambda row: row.size, find(Thing, "all", "odd")) == dict.fromkeys(range(1, 12, 2), 1)


def test_only_what_changed_is_looked_at_again(things: list[Any], connection: Connection) -> None:
    group, size = Calls(), Calls("size")
    ops = (count_op, make_sum(size))
    assert group_by(group, find("all"), ops) == {"a": (4, 18), "b": (4, 22), "c": (4, 26)}
    assert group_by(group, find("all"), ops) == {"a": (4, 18), "b": (4, 22), "c": (4, 26)}
    assert (group.number, size.number) == (12, 12)
    tags(things[0]).remove("all")
    connection.commit()
    assert group_by(group, find("all"), ops)["a"] == (3, 18)
    assert (group.number, size.number) == (13, 13)
    things[3].size = 100
    connection.commit()
    assert group_by(group, find("all"), ops)["a"] == (3, 115)
    assert (group.number, size.number) == (15, 15)
    new: Any = Thing(99)
    new.group, new.size = "z", 1
    tags(new).add("all")
    connection.commit()
    assert group_by(group, find("all"), ops)["z"] == (1, 1)
    assert (group.number, size.number) == (16, 16)
    new.group = "a"
    connection.commit()
    assert group_by(group, find("all"), ops) == {"a": (4, 116), "b": (4, 22), "c": (4, 26)}


def test_changes_of_what_functions_read_besides_the_row_are_seen(things: list[Any], connection: Connection) -> None:
    owner: Any = Other("ann")
    for thing in things:
        thing.owner, thing.parts = owner, List([1] * thing.name)
        thing.parent = things[0]
    connection.commit()

    def parts(row: Any) -> int:
        return len(row.parts)

    def read() -> Any:
        return (
            group_by(lambda row: row.owner.name, find("all")),
            group_by(["even"], find("all"), make_sum(parts)),
            group_by(lambda row: row.parent.size, find("all")),
        )

    assert read() == ({"ann": 12}, {"even": 30}, {0: 12})
    owner.name = "bob"
    things[2].parts.append(5)
    things[0].size = 7
    connection.commit()
    assert read() == ({"bob": 12}, {"even": 31}, {7: 12})


def test_a_query_that_is_nearly_the_same_starts_from_the_other(things: list[Any], connection: Connection) -> None:
    tags(*things).add("t1")
    tags(things[0]).add("t2", "t3", "t4")
    connection.commit()
    group = Calls()
    assert sum(group_by(group, find(["t1", "t2", "t3", "t4"])).values()) == 12
    before = group.number
    assert group_by(group, find(["t1", "t2", "t3"])) == {"a": 4, "b": 4, "c": 4}
    assert group.number == before


def test_a_function_that_fails_does_no_harm(things: list[Any], connection: Connection) -> None:
    fail = False

    def group(row: Any) -> str:
        if fail:
            raise ZeroDivisionError
        return str(row.group)

    assert group_by(group, find("all")) == {"a": 4, "b": 4, "c": 4}
    tags(things[0], things[1]).remove("all")
    connection.commit()
    fail = True
    with pytest.raises(ZeroDivisionError):
        group_by(group, find("all"))
    fail = False
    assert group_by(group, find("all")) == {"a": 3, "b": 3, "c": 4}


def test_ordered_sliced_and_filtered_queries_count_each_object_once(things: list[Any]) -> None:
    assert group_by(lambda row: row.group, find("all")[:4]) == {"a": 2, "b": 1, "c": 1}
    small = 5
    query = filter_query(lambda row: row.size < small, find("all"))
    assert group_by(["even", "odd"], query) == {"even": 3, "odd": 2}
    assert group_by(lambda row: row.group, query) == {"a": 2, "b": 2, "c": 1}
    small = 2
    assert group_by(lambda row: row.group, query) == {"a": 1, "b": 1}


def test_tuples_of_a_split_are_rows_of_a_function(things: list[Any]) -> None:
    split = split_by(["first", "even"], find("all"), exclusive=False)
    assert group_by(lambda row: row[1], split) == {"first": 3, "even": 6}
    assert group_by(lambda row: row[1], split, make_sum(lambda row: row[0].size)) == {"first": 3, "even": 30}
    with pytest.raises(RuntimeError, match="functions only"):
        group_by(["even"], split)


def test_a_query_on_a_past_state_is_grouped_there(things: list[Any], connection: Connection) -> None:
    past = connection.database.connect(at=connection.state)
    assert group_by(lambda row: row.group, find("all")) == {"a": 4, "b": 4, "c": 4}
    tags(*things[:6]).remove("all")
    connection.commit()
    assert group_by(lambda row: row.group, find("all")) == {"a": 2, "b": 2, "c": 2}
    assert group_by(lambda row: row.group, find_in(past, "all")) == {"a": 4, "b": 4, "c": 4}
    assert group_by(["even", "odd"], find_in(past, "all")) == {"even": 6, "odd": 6}
    both = find("all", find_in(past, "even"))
    assert group_by(lambda row: row.group, both) == {"a": 1, "b": 1, "c": 1}
    past.close()


def test_other_tags_as_groups(things: list[Any], connection: Connection) -> None:
    author = Other("author")
    tags(things[0], things[1]).add(author)
    connection.commit()
    assert group_by([as_tag(author)], find("all")) == {as_tag(author): 2}


def test_passive_tags_need_an_anchor_here_too(things: list[Any], connection: Connection) -> None:
    tags(things[0], passive=True).add("p")
    connection.commit()
    for groups in (["even"], lambda row: row.group):
        with pytest.raises(RuntimeError, match="Passive"):
            group_by(groups, find("p"))
    assert group_by(["p"], find(Thing)) == {"p": 1}


@pytest.mark.parametrize("history", [True, False])
def test_states_that_are_packed_away_are_not_needed(tmp_path: Path, history: bool) -> None:
    database = Database.open(tmp_path / "packed.perdure", history=history)
    connection = database.connect()
    durable.set_ambient(connection)
    made: list[Any] = [Thing(number) for number in range(6)]
    for thing in made:
        thing.group = thing.name % 2
        tags(thing).add("all")
    connection.commit()
    assert group_by(lambda row: row.group, find("all")) == {0: 3, 1: 3}
    for _ in range(3):
        tags(made.pop()).remove("all")
        connection.commit()
    database.pack()
    assert group_by(lambda row: row.group, find("all")) == {0: 2, 1: 1}
    durable.set_ambient(None)
    connection.close()
    database.close()


def test_the_parts_can_be_used_alone(things: list[Any]) -> None:
    definition = GroupDef.of(["even", "odd"])
    assert GroupDef.of(definition) is definition
    assert group_by(definition, find("all")) == {"even": 6, "odd": 6}
    assert GroupByEval([definition], (count_op,), tuple_keys=True).run(find("all")) == {("even",): 6, ("odd",): 6}
    assert count_op(None, None, None) == 0
    assert count_op(5, [1, 2], [3]) == 4
