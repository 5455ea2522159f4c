from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from perdure.errors import ClassNotFoundError, StateUnavailableError
from perdure.kernel import codec, durable, keys
from perdure.session import Database, StandIn, class_tag, get_root, set_root
from perdure.storage import Batch, spaces

from .things import Part, Thing

TAGS = codec.encode_value((keys.encode((1, "x")),))


@pytest.fixture
def filled(file: str) -> str:
    """A database with a chain of things, tags on some, and a dropped one."""
    database = Database.open(file)
    connection = database.connect()
    durable.set_ambient(connection)
    part = Part(number=5)
    head = Thing(number=0, part=part)
    set_root(connection, "head", head)
    for number in range(1, 50):
        head.next = Thing(number=number, back=(part,))
        connection.tagging.change(head.next, [keys.encode((1, f"tag{number % 3}"))], add=True)
        head = head.next
    connection.commit()
    get_root(connection, "head").next.next.note = "changed"
    connection.commit()
    durable.set_ambient(None)
    connection.close()
    database.close()
    return file


def problems(database: Database) -> list[str]:
    return [problem.text for problem in database.verify()]


def test_a_sound_database_verifies_clean(filled: str) -> None:
    database = Database.open(filled)
    assert problems(database) == []
    database.close()


@pytest.mark.parametrize(
    ("space", "key", "value", "expected"),
    [
        (spaces.RECORDS, keys.encode_uint(3), None, "does not exist"),
        (spaces.OBJECT_TAGS, keys.encode_uint(9_999_999), TAGS, "tags of object #9999999"),
        (spaces.OBJECT_TAGS, keys.encode_uint(3), b"\x00", "damaged tags"),
        (spaces.RECORDS, keys.encode_uint(9_999_999), b"\x7f\x00", "object #9999999"),
    ],
)
def test_disagreement_between_spaces_is_found(
    filled: str, space: int, key: bytes, value: bytes | None, expected: str
) -> None:
    database = Database.open(filled)
    database.storage.commit(Batch(base=database.storage.last_state, puts={int(space): {key: value}}))
    assert any(expected in text for text in problems(database))
    database.close()


def test_a_wrong_holder_count_and_a_wrong_posting_are_found(filled: str) -> None:
    from pyroaring import BitMap

    from perdure.storage import PostingDelta

    database = Database.open(filled)
    tag = keys.encode((1, "tag1"))
    merges = {
        int(spaces.REFCOUNTS): {keys.encode_uint(2): 5},
        int(spaces.POSTINGS): {tag + keys.encode_uint(0): PostingDelta(BitMap([60000]), BitMap())},
    }
    database.storage.commit(Batch(base=database.storage.last_state, merges=merges))
    found = problems(database)
    assert any("are counted" in text for text in found)
    assert any("posting of ('tag1',)" in text for text in found)
    database.close()


def test_pack_drops_unreachable_cycles_and_keeps_the_rest(filled: str) -> None:
    database = Database.open(filled)
    connection = database.connect()
    durable.set_ambient(connection)
    one, two = Thing(name="one"), Thing(name="two")
    one.other, two.other = two, one
    oids = (connection.add(one), connection.add(two))
    connection.commit()
    assert database.pack() == 0
    durable.set_ambient(None)
    del one, two
    connection.close()
    assert database.pack() == 2
    reader = database.connect()
    assert not any(reader.contains(oid) for oid in oids)
    assert get_root(reader, "head").next.number == 1
    assert problems(database) == []
    database.close()


def test_pack_removes_history_that_no_view_needs(filled: str) -> None:
    database = Database.open(filled)
    last = database.storage.last_state
    past = database.connect(at=last - 1)
    database.pack()
    assert not hasattr(get_root(past, "head").next.next, "note")
    past.close()
    database.pack()
    with pytest.raises(StateUnavailableError):
        database.connect(at=last - 1)
    assert get_root(database.connect(), "head").next.next.note == "changed"
    database.close()


def test_a_posting_of_a_class_lists_its_live_instances(filled: str) -> None:
    database = Database.open(filled)
    connection = database.connect()
    (part_id,) = connection.catalog.family(Part)
    posting = connection.postings.of(class_tag(part_id))
    assert sum(len(bits) for bits in posting.values()) == 1
    assert connection.catalog.family(Thing) > connection.catalog.family(Part)
    database.close()


MODULE = """
from perdure.kernel import durable
class {name}(durable.Durable, metaclass=durable.DurableType):
    _perdure_factory_ = None
    _perdure_typed_ = True
"""

WRITE = """
import sys; sys.path.insert(0, {folder!r})
from perdure.kernel import durable
from perdure.session import Database, get_root, set_root
import vanishing; durable.set_ambient(None)
database = Database.open({file!r}); connection = database.connect()
thing = vanishing.Gone(); thing.number = 5; thing.child = vanishing.Gone(); thing.child.text = "deep"
set_root(connection, "gone", thing); connection.commit(); connection.close(); database.close()
"""


@pytest.fixture
def orphan(tmp_path, file: str) -> str:
    """A database whose class lives in a module that this process cannot import."""
    (tmp_path / "vanishing.py").write_text(MODULE.format(name="Gone"))
    code = textwrap.dedent(WRITE.format(folder=str(tmp_path), file=file))
    subprocess.run([sys.executable, "-c", code], check=True)
    return file


def test_an_object_of_a_class_that_cannot_be_imported_reads_as_a_stand_in(orphan: str) -> None:
    database = Database.open(orphan)
    thing = get_root(database.connect(), "gone")
    assert isinstance(thing, StandIn)
    assert (thing.number, thing.child.text) == (5, "deep")
    with pytest.raises(ClassNotFoundError, match="No module named 'vanishing'"):
        thing.missing
    with pytest.raises(ClassNotFoundError, match="No module named 'vanishing'"):
        thing.number = 6
    database.close()


def test_a_stand_in_can_be_referred_to_and_round_trips(orphan: str, tmp_path) -> None:
    database = Database.open(orphan)
    connection = database.connect()
    holder = Thing(kept=get_root(connection, "gone").child)
    set_root(connection, "holder", holder)
    connection.commit()
    assert problems(database) == []
    connection.close()
    database.close()
    check = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
from perdure.session import Database, get_root
connection = Database.open({orphan!r}).connect()
gone = get_root(connection, "gone")
assert type(gone).__name__ == "Gone" and gone.child.text == "deep" and gone.number == 5
"""
    subprocess.run([sys.executable, "-c", check], check=True)


def test_renaming_a_class_is_one_metadata_write(orphan: str) -> None:
    database = Database.open(orphan)
    connection = database.connect()
    connection.catalog.rename("vanishing:Gone", Thing.__module__, "Thing")
    before = database.storage.last_state
    set_root(connection, "mark", Thing(number=1))
    connection.commit()
    changed = next(iter(database.storage.log(before))).changes[int(spaces.CATALOG)]
    assert len([key for key in changed if key.startswith(b"c")]) <= 2
    connection.close()
    database.close()
    database = Database.open(orphan)
    thing = get_root(database.connect(), "gone")
    assert type(thing) is Thing
    assert thing.child.text == "deep"
    database.close()
