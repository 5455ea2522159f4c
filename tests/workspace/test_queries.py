"""Tags and queries over prefixes, readers, snapshots and processes."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.session import get_root

from .conftest import Process, eventually, reopen

Color = db0.enum("QueryColor", ["RED", "GREEN"])


@db0.memo
class Item:
    def __init__(self, number: int) -> None:
        self.number = number
        self.group = number % 3


@db0.memo
class Author:
    def __init__(self, name: str) -> None:
        self.name = name


def numbers(query: Any) -> list[int]:
    return sorted(item.number for item in query)


@pytest.fixture
def items(main: Path) -> list[Item]:
    made = [Item(number) for number in range(9)]
    db0.tags(*made).add("all")
    db0.tags(*made[:4]).add(Color.RED)
    db0.tags(*made[4:]).add(Color.GREEN)
    db0.commit()
    return made


# -- foreign tags ------------------------------------------------------------------------------------------


def test_an_object_of_another_prefix_is_a_tag_that_is_resolved_where_the_query_runs(items: list[Item]) -> None:
    author = Author("ann")
    db0.tags(author).add("author")
    db0.open("other")
    foreign_item = Item(100)
    db0.tags(foreign_item).add(author, db0.as_tag(Author))
    assert list(db0.find(db0.as_tag(author))) == [foreign_item]
    assert list(db0.find(db0.as_tag(author), prefix="main")) == []
    db0.tags(items[0]).add(author)
    assert list(db0.find(db0.as_tag(author), prefix="main")) == [items[0]]
    assert db0.get_prefix_of(foreign_item).name == "other"


def test_a_foreign_tag_outlives_its_object_and_the_session(items: list[Item], main: Path) -> None:
    author = Author("ann")
    db0.tags(author).add("author")
    label, name = db0.as_tag(author), db0.uuid(author)
    proxy = db0.weak_proxy(author)
    db0.open("other")
    db0.tags(Item(100), Item(101)).add(author)
    db0.commit()
    assert len(db0.find(label)) == 2
    reopen(main, "main", "other")
    again = db0.as_tag(db0.fetch(name))
    assert again == label
    assert len(db0.find(again)) == 2
    db0.tags(db0.find(again)[:1]).remove(again)
    assert len(db0.find(label)) == 1
    del proxy


def test_targets_of_one_call_may_live_on_different_prefixes(items: list[Item]) -> None:
    db0.open("other")
    foreign = Item(100)
    db0.tags(items[0], foreign, db0.find("all", prefix="main")).add("both")
    assert list(db0.find("both")) == [foreign]
    assert len(db0.find("both", prefix="main")) == 9


# -- readers and snapshots ---------------------------------------------------------------------------------


def test_snapshots_answer_all_kinds_of_queries_for_their_state(items: list[Item]) -> None:
    index = db0.index[int, Item]()
    for item in items:
        index.add(-item.number, item)
    board = Item(50)
    board.index, board.query = index, db0.find("all", Color.RED)  # type: ignore[attr-defined]
    db0.tags(board).add("board")
    db0.commit()
    with db0.snapshot() as past:
        data = db0.serialize(db0.find("all", Color.RED))
        db0.tags(*items[:2]).remove("all")
        index.remove(-2, items[2])
        db0.commit()
        then: Any = next(past.find("board"))
        assert numbers(past.find("all", Color.RED)) == [0, 1, 2, 3]
        assert numbers(past.deserialize(data)) == [0, 1, 2, 3]
        assert numbers(db0.deserialize(data)) == [2, 3]
        assert numbers(then.query) == [0, 1, 2, 3]
        assert [item.number for item in then.index.sort(past.find("all"))] == list(range(9))[::-1]
        assert numbers(then.index.select(-3, 0)) == [0, 1, 2, 3]
        assert numbers(db0.filter(lambda item: item.number % 2, past.find("all"))) == [1, 3, 5, 7]
        split = db0.split_by(Color.values(), past.find("all"))
        assert sorted((item.number, color) for item, color in split[:2]) == [(0, Color.RED), (1, Color.RED)]
        assert db0.group_by(lambda item: item.group, past.find("all")) == {0: 3, 1: 3, 2: 3}
        assert db0.group_by(Color.values(), past.find("all")) == {"RED": 4, "GREEN": 5}
        assert db0.group_by(Color.values(), db0.find("all")) == {"RED": 2, "GREEN": 5}
        assert len(past.find("all", db0.no("board"))[::-1]) == 9
        assert str(past.find("all").explain()) == "the tag 'all': 9"
        with pytest.raises(RuntimeError):
            db0.tags(past.find("all")).add("x")
        query = past.find("all")
    with pytest.raises(RuntimeError, match=r"closed|accessible"):
        list(query)


def test_groups_of_a_prefix_open_for_reading_are_kept_elsewhere(items: list[Item], main: Path) -> None:
    db0.close()
    db0.init(main, autocommit=False)
    db0.open("main", "r")
    for _ in range(2):
        assert db0.group_by(lambda item: item.group, db0.find(Item)) == {0: 3, 1: 3, 2: 3}
    db0.init_fast_query("cache")
    assert db0.get_current_prefix().name == "main"
    assert db0.group_by(lambda item: item.group, db0.find(Item)) == {0: 3, 1: 3, 2: 3}
    db0.commit("cache")


# -- group_by between sessions -----------------------------------------------------------------------------

calls = 0
"""How many rows were looked at. Signatures of functions have the globals that they name; this one is 0 at each call."""


def _key(item: Item) -> int:
    global calls
    calls += 1
    return item.group


def group() -> Any:
    """The groups, and how many rows were looked at."""
    global calls
    calls = 0
    found = db0.group_by(_key, db0.find(Item), (db0.count_op, _total))
    return found, calls


_total = db0.make_sum(lambda item: item.number)
WHOLE = {0: (3, 9), 1: (3, 12), 2: (3, 15)}


def test_with_a_prefix_for_it_group_by_goes_on_where_another_session_ended(items: list[Item], main: Path) -> None:
    db0.init_fast_query("cache")
    assert group() == (WHOLE, 9)
    reopen(main)
    db0.init_fast_query("cache")
    assert group() == (WHOLE, 0)
    next(db0.find(Item)).group = 1
    db0.commit()
    reopen(main)
    db0.init_fast_query("cache")
    found, called = group()
    assert sum(count for count, _ in found.values()) == 9 and found[1][0] == 4
    assert called == 2
    db0.init_fast_query(None)
    assert group()[1] == 9


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: 5, lambda data: b"", lambda data: b"\xa4" * 9])
def test_a_damaged_cache_is_not_believed(items: list[Item], main: Path, damage: Callable[[bytes], Any]) -> None:
    db0.init_fast_query("cache")
    assert group() == (WHOLE, 9)
    stored: Any = get_root(db0.find(Item, prefix="cache").connection, "fast_query")
    for key in list(stored):
        stored[key] = damage(stored[key])
    reopen(main)
    db0.init_fast_query("cache")
    assert group() == (WHOLE, 9)


def test_a_cache_of_another_history_is_not_believed(items: list[Item], main: Path) -> None:
    db0.copy_prefix(str(main.parent / "backup.db0"), prefix="main")
    for change in range(2):
        db0.init_fast_query("cache")
        items[0].group = change + 1
        db0.commit()
        assert group()[0][change + 1][0] == 4
        db0.close()
        if change == 0:
            shutil.copy(main.parent / "backup.db0", main / "main.db0")
        db0.init(main, prefix="main", autocommit=False)
        items = sorted(db0.find(Item), key=lambda item: item.number)
    db0.init_fast_query("cache")
    assert group()[0] == {1: (3, 12), 2: (4, 15), 0: (2, 9)}


@pytest.mark.parametrize("bad", [1, b"cache"])
def test_the_cache_is_a_prefix_by_name(main: Path, bad: Any) -> None:
    with pytest.raises(TypeError):
        db0.init_fast_query(bad)


def test_groups_are_those_of_one_state_while_another_thread_commits(items: list[Item]) -> None:
    done = threading.Event()
    errors: list[BaseException] = []

    def move() -> None:
        try:
            for step in range(150):
                with db0.atomic():
                    items[step % 9].group = step % 4
                    for item, add in ((items[step % 9], step % 2), (items[(step + 1) % 9], 1 - step % 2)):
                        (db0.tags(item).add if add else db0.tags(item).remove)("half")
                db0.commit()
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=move)
    thread.start()
    rounds = 0
    while not done.is_set() or not rounds:
        assert sum(db0.group_by(lambda item: item.group, db0.find("all")).values()) == 9
        assert sum(db0.group_by(Color.values(), db0.find("all")).values()) == 9
        totals = db0.group_by((lambda item: item.group, Color.values()), db0.find("all"), _total)
        assert sum(totals.values()) == 36
        assert len([*db0.split_by(Color.values(), db0.find("all"))]) == 9
        rounds += 1
    thread.join()
    assert not errors
    wanted = {group: sum(item.group == group for item in items) for group in range(4)}
    found = db0.group_by(lambda item: item.group, db0.find("all"))
    assert found == {group: number for group, number in wanted.items() if number}


# -- serialized queries between processes ------------------------------------------------------------------


def test_bytes_of_a_query_are_read_in_another_process(
    items: list[Item], main: Path, start: Callable[..., Process]
) -> None:
    query = db0.find("all", Color.RED)
    reader = start(
        """
        db0.init(sys.argv[1], autocommit=False)
        query = db0.deserialize(bytes.fromhex(sys.argv[2]))
        say(len(query), db0.get_prefix_of(query).name, db0.uuid(query))
        value = db0.deserialize(bytes.fromhex(sys.argv[3]))
        say(value.name, db0.is_enum_value(value))
        """,
        main,
        db0.serialize(query).hex(),
        db0.serialize(Color.RED).hex(),
    )
    assert reader.hear() == f"4 main {db0.uuid(query)}"
    assert reader.hear() == "RED True"


def test_the_prefix_of_a_query_is_opened_for_reading(items: list[Item], main: Path) -> None:
    data = db0.serialize(db0.find("all"))
    db0.close()
    db0.init(main, prefix="other", autocommit=False)
    assert numbers(db0.deserialize(data)) == list(range(9))
    with pytest.raises(RuntimeError):
        db0.tags(db0.deserialize(data)).add("x")


def test_a_reader_sees_sets_that_were_tagged_by_the_writer(items: list[Item], main: Path, start: Any) -> None:
    reader = start(
        """
        db0.init(sys.argv[1], autocommit=False)
        db0.open("main", "r")
        from tests.workspace.test_queries import Item
        say("ready")
        while hear() != "end":
            try:
                say(len(db0.find("set")), len(db0.find(Item, "passive")))
                list(db0.find("passive"))
            except RuntimeError as error:
                say("refused" if "Passive" in str(error) else error)
            else:
                say("found")
        """,
        main,
    )
    assert reader.hear() == "ready"
    assert (reader.ask("look"), reader.hear()) == ("0 0", "found")
    db0.tags(db0.find("all")).add("set")
    db0.tags(db0.find(Color.RED), passive=True).add("passive")
    db0.commit()
    eventually(lambda: (reader.ask("look"), reader.hear()) == ("9 4", "refused"))
    reader.tell("end")
