from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.kernel import durable
from perdure.model.enums import value_of
from perdure.query import Index, as_tag, filter_query, find, find_in, no, split_by, tags
from perdure.session import Connection, Database

from .conftest import Special, Thing

RED, GREEN = value_of("Color", "RED"), value_of("Color", "GREEN")


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    made = [Thing(number) for number in range(12)]
    for thing in made:
        tags(thing).add("all", "even" if thing.name % 2 == 0 else "odd")
    tags(*made[:6]).add("low", RED)
    tags(*made[3:8]).add(GREEN)
    return made


def pairs(query: Any) -> list[tuple[Any, ...]]:
    return [(thing.name, *labels) for thing, *labels in query]


def test_each_object_comes_once_with_a_tag_that_it_has_and_others_are_left_out(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"))
    assert pairs(split) == [(number, "low") for number in range(6)] + [(7, "odd"), (9, "odd"), (11, "odd")]
    assert len(split) == 9
    assert bool(split) and not split_by(["nothing"], find("all"))


def test_not_exclusively_each_object_comes_once_for_each_of_its_tags(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"), exclusive=False)
    wanted = [
        (number, label)
        for number in range(12)
        for label, has in (("low", number < 6), ("odd", number % 2 == 1))
        if has
    ]
    assert pairs(split) == wanted
    assert len(split) == len(wanted)


def test_enum_values_and_other_tags_are_given_back_as_they_are(things: list[Thing]) -> None:
    assert {label for _, label in split_by((RED, GREEN), find("all"))} == {RED, GREEN}
    placeholder = value_of("Color", "GREEN", False)
    assert {label for _, label in split_by([placeholder], find("all"))} == {GREEN}
    assert next(label for _, label in split_by([placeholder], find("all"))) is GREEN
    author, label = Thing("author"), as_tag(Special)
    tags(things[0]).add(author)
    tags(things[1]).add(label)
    assert pairs(split_by([as_tag(author), label], find("all"))) == [(0, as_tag(author)), (1, label)]


@pytest.mark.parametrize("bad", ["low", Thing, [Thing], [1], [None], None, 3, b"x", [["low"]], ["low", b"x"]])
def test_what_is_no_list_of_tags_is_refused(things: list[Thing], bad: Any) -> None:
    with pytest.raises(RuntimeError):
        split_by(bad, find("all"))
    with pytest.raises(RuntimeError):
        split_by([things[0]], find("all"))


@pytest.mark.parametrize("bad", [None, "all", Thing, [1]])
def test_what_is_no_query_is_refused(connection: Connection, bad: Any) -> None:
    with pytest.raises(RuntimeError):
        split_by(["low"], bad)


def test_slices_reversal_and_positions_keep_the_tags(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"))
    whole = pairs(split)
    for part in (slice(2, 5), slice(-3, None), slice(None, None, 2), slice(None, None, -1), slice(7, 2, -2)):
        assert pairs(split[part]) == whole[part]
        assert len(split[part]) == len(whole[part])
    assert pairs(reversed(split)) == whole[::-1]
    assert split[0, -1] == ((things[0], "low"), (things[11], "odd"))
    assert next(split) == (things[0], "low")


def test_find_keeps_the_tags_of_a_split(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"))
    assert pairs(find(split, "even")) == [(0, "low"), (2, "low"), (4, "low")]
    wanted = [(1, "low"), (3, "low"), (5, "low"), (7, "odd"), (9, "odd"), (11, "odd")]
    assert pairs(find(no("even"), split, Thing)) == wanted
    assert pairs(find(split[4:8], "even")) == [(4, "low")]
    assert len(find(split[4:8], "odd")) == 3
    assert not find(split, "nothing")


def test_as_a_part_of_another_criterion_a_split_is_the_set_of_its_objects(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"))
    assert {thing.name for thing in find("all", no(split))} == {6, 8, 10}
    assert {thing.name for thing in find([split, "even"])} == set(range(12))
    assert {thing.name for thing in find((split, "even"))} == {0, 2, 4}


def test_splitting_again_adds_a_tag_to_the_tuples(things: list[Thing]) -> None:
    twice = split_by(["even", "odd"], split_by([RED, GREEN], find("all")))
    assert pairs(twice) == [(n, RED if n < 6 else GREEN, "even" if n % 2 == 0 else "odd") for n in range(8)]
    assert len(twice) == 8
    assert pairs(find(split_by(["low"], find("all")), split_by(["even"], find("all")))) == [
        (n, "low", "even") for n in (0, 2, 4)
    ]
    both = split_by(["even", "all"], split_by([RED, GREEN], find("low"), exclusive=False), exclusive=False)
    assert len(both) == len(pairs(both)) == (6 + 3) + (3 + 1)


def test_membership_of_objects_and_of_tuples(things: list[Thing]) -> None:
    split = split_by(["low", "odd"], find("all"))
    assert things[0] in split and things[6] not in split
    assert (things[0], "low") in split and (things[0], "odd") not in split


def test_an_index_sorts_a_split_with_its_tags(things: list[Thing]) -> None:
    index: Index[int, Thing] = Index()
    for thing in things[:9]:
        index.add(-thing.name, thing)
    index.add(100, things[0])
    split = index.sort(split_by(["low", "odd"], find("all")))
    assert pairs(split) == [(7, "odd"), *((n, "low") for n in (5, 4, 3, 2, 1, 0, 0))]
    assert len(split) == 8
    assert pairs(index.sort(split_by(["low"], find("all")), desc=True)[:2]) == [(0, "low"), (0, "low")]
    assert pairs(split_by(["low", "odd"], index.sort(find("all")))) == pairs(split)


def test_the_tags_of_a_past_state_are_given_with_it(things: list[Thing], connection: Connection) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    tags(things[0]).remove("low")
    split = split_by(["low"], find_in(past, "all"))
    assert len(split) == 6
    assert pairs(find(split, "even")) == [(0, "low"), (2, "low"), (4, "low")]
    oid = durable.oid_of(things[2])
    connection.lifetime.drop(oid)
    assert pairs(find(split, "all")) == [(n, "low") for n in (0, 1, 3, 4, 5)]
    past.close()


def test_a_split_can_be_stored_in_a_field(things: list[Thing], connection: Connection) -> None:
    holder = Thing("holder")
    holder.split = find(split_by(["low", RED], find("all"), exclusive=False), "even")
    tags(holder).add("holder")
    connection.commit()
    durable.make_ghost(holder)
    assert pairs(holder.split) == [(n, label) for n in (0, 2, 4) for label in ("low", RED)]


def test_a_started_iterator_is_not_disturbed(things: list[Thing]) -> None:
    started = iter(split_by(["low"], find("all")))
    next(started)
    tags(*things).remove("low")
    assert len(list(started)) == 5


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sets(st.sampled_from("abcd")), max_size=80),
    st.lists(st.sampled_from("abcdx"), unique=True, max_size=4),
    st.booleans(),
    st.tuples(st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9), st.sampled_from([None, 1, 2, -1, -3])),
)
def test_splits_agree_with_a_model(rows: list[set[str]], labels: list[str], exclusive: bool, part: Any) -> None:
    database = Database.open(None)
    connection = database.connect()
    durable.set_ambient(connection)
    try:
        things = [Thing(number) for number in range(len(rows))]
        for thing, own in zip(things, rows, strict=True):
            tags(thing).add("all", *sorted(own))
        wanted = []
        for number, own in enumerate(rows):
            found = [label for label in labels if label in own]
            wanted += [(number, label) for label in (found[:1] if exclusive else found)]
        split = split_by(labels, find("all"), exclusive)
        assert pairs(split) == wanted
        assert len(split) == len(wanted)
        if slice(*part) != slice(None) and part[2] != 0:
            assert pairs(split[slice(*part)]) == wanted[slice(*part)]
        assert pairs(filter_query(lambda row: row[0].name % 2, split)) == [one for one in wanted if one[0] % 2]
    finally:
        durable.set_ambient(None)
        connection.close()
        database.close()
