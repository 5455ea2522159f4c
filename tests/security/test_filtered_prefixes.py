"""Which prefixes a data filter covers, and what happens with those that it does not cover."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Note, names, seeing

OTHER: ContextVar[Any] = ContextVar("other")


def fill(prefix: str) -> dict[str, str]:
    db0.open(prefix)
    made = {f"{kind}_{prefix}": Doc(f"{kind}_{prefix}") for kind in ("seen", "denied")}
    for name, doc in made.items():
        db0.tags(doc).add("x", *(["open"] if name.startswith("seen") else []))
    db0.commit()
    return {name: db0.uuid(doc) for name, doc in made.items()}


def test_the_prefix_of_the_query_decides_not_the_current_one(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN, "prefix": "covered"})
    covered, free = fill("covered"), fill("free")
    for current in ("covered", "free"):
        db0.open(current)
        with seeing("open"):
            assert names(db0.find(Doc, prefix="covered")) == ["seen_covered"]
            assert names(db0.find("x", prefix="covered")) == ["seen_covered"]
            assert names(db0.find(Doc, prefix="free")) == ["denied_free", "seen_free"]
            assert not db0.exists(covered["denied_covered"]) and db0.exists(free["denied_free"])
        assert names(db0.find(Doc, prefix="free")) == ["denied_free", "seen_free"]  # uncovered, no predicate
        with pytest.raises(PermissionError):
            db0.find(Doc, prefix="covered")


def test_a_filter_of_all_prefixes_covers_those_opened_later(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN})
    fill("later")
    with seeing("open"):
        assert names(db0.find(Doc)) == ["seen_later"]
    assert db0.get_prefix_stats("later")["data_filter"]["enabled"]


OPENINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "open": lambda kept: (db0.open("later"), db0.find(Doc)),
    "open read-only": lambda kept: (db0.open("later", "r"), db0.find("x")),
    "find": lambda kept: db0.find(Doc, prefix="later"),
    "fetch": lambda kept: db0.fetch(kept["denied_later"]),
    "fetch with its class": lambda kept: db0.fetch(Doc, kept["denied_later"]),
    "a reference": lambda kept: db0.fetch(kept["holder"]).other,
    "an element": lambda kept: db0.fetch(kept["holder"]).list[0],
    "a serialized query": lambda kept: list(db0.deserialize(kept["query"])),
    "a snapshot": lambda kept: db0.snapshot({"later": None}).find(Doc, prefix="later"),
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_filter_that_names_a_prefix_is_in_force_from_its_opening_on(
    started: Callable[..., None], tmp_path: Path, opening: str
) -> None:
    started(data_filter={"context_var": SEEN, "mode": "DEBUG"})
    kept: dict[str, Any] = fill("later")
    kept["query"] = db0.serialize(db0.find("x"))
    denied = db0.fetch(kept["denied_later"])
    db0.open("main")
    holder: Any = Note("holder", denied)
    holder.list = [denied]
    db0.tags(holder).add("x")
    db0.commit()
    kept["holder"] = db0.uuid(holder)
    db0.close()
    del denied, holder
    db0.init(tmp_path, prefix="main", autocommit=False, data_filter={"context_var": SEEN, "prefix": ["later"]})
    with pytest.raises((PermissionError, db0.ReferenceError)):
        OPENINGS[opening](kept)
    assert not db0.exists(kept["denied_later"]) and db0.get_prefix_stats("later")["data_filter"]["enabled"]
    assert not db0.get_prefix_stats("main")["data_filter"]["enabled"]
    with seeing(predicate=db0.predicate("open", prefix="later")):
        assert names(db0.find(Doc, prefix="later")) == ["seen_later"]
        assert not db0.exists(kept["denied_later"]) and db0.exists(kept["seen_later"])


def test_a_filter_may_name_a_prefix_that_is_made_only_later(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN, "prefix": {"made", "main"}})
    with pytest.raises(PermissionError):
        db0.find(Doc)
    uuids = fill("made")
    with pytest.raises(PermissionError):
        db0.find("x")
    assert not db0.exists(uuids["seen_made"])


def test_prefixes_may_have_different_variables_and_modes(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN, "prefix": ["one", "three"]})
    db0._init_data_filter(OTHER, prefix="two", mode="DEBUG")
    for name in ("one", "two", "four"):
        fill(name)
    assert [db0.get_prefix_stats(name)["data_filter"]["enabled"] for name in ("one", "two", "four")] == [
        True,
        True,
        False,
    ]
    with seeing("open"):
        assert names(db0.find(Doc, prefix="one")) == ["seen_one"]
        assert names(db0.find(Doc, prefix="two")) == ["denied_two", "seen_two"]
        token = OTHER.set(db0.predicate("open", prefix="two"))
        assert names(db0.find(Doc, prefix="two")) == ["seen_two"]
        OTHER.reset(token)


@pytest.mark.parametrize("prefix", [None, "main", db0.PrefixMetaData("main", 1), ["main", "other"]])
def test_the_same_binding_is_accepted_and_another_is_not(started: Callable[..., None], prefix: Any) -> None:
    started(data_filter={"context_var": SEEN, "prefix": prefix, "mode": "RELEASE"})
    db0._init_data_filter(SEEN, prefix=prefix)
    for variable, scope, mode in ((OTHER, prefix, None), (SEEN, prefix, "DEBUG"), (OTHER, None, None)):
        with pytest.raises(RuntimeError, match="binding"):
            db0._init_data_filter(variable, prefix=scope, mode=mode)


def test_a_binding_survives_closing_the_prefix_and_ends_with_the_workspace(
    started: Callable[..., None], tmp_path: Path
) -> None:
    started(data_filter={"context_var": SEEN, "prefix": "kept"})
    fill("kept")
    db0.close("kept")
    db0.open("kept")
    with pytest.raises(PermissionError):
        db0.find(Doc)
    db0.close()
    db0.init(tmp_path, data_filter={"context_var": OTHER})
    db0.open("kept")
    token = OTHER.set(db0.predicate("x"))
    assert len(db0.find(Doc)) == 2
    OTHER.reset(token)


def test_a_binding_refused_by_init_leaves_nothing_started(tmp_path: Path) -> None:
    for bad, error in (({"context_var": None}, TypeError), ({"context_var": SEEN, "mode": "x"}, ValueError)):
        with pytest.raises(error):
            db0.init(tmp_path, data_filter=bad)
    with pytest.raises(RuntimeError):
        db0.get_config()


def test_an_index_of_another_prefix_cannot_decide(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN})
    fill("other")
    db0.open("main")
    index = db0.index()
    index.add(1, Doc("indexed"))
    Note("holder", index)
    predicate = db0.predicate(index.select(1, 1))
    with seeing(predicate=predicate):
        assert names(db0.find(Doc, prefix="main")) == ["indexed"]
        with pytest.raises(PermissionError, match="other"):
            db0.find(Doc, prefix="other")


def test_a_predicate_made_of_a_query_of_another_prefix_has_nothing_here(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN})
    fill("one")
    fill("two")
    with seeing("x"):
        sub = db0.find("x", prefix="one")
    with seeing(predicate=db0.predicate("x", sub, prefix="two")):
        assert names(db0.find(Doc, prefix="one")) == ["denied_one", "seen_one"]
        assert not db0.find(Doc, prefix="two")
    with seeing(predicate=db0.predicate("x", db0.no(sub), prefix="two")):
        assert not db0.find(Doc, prefix="one")
        assert names(db0.find(Doc, prefix="two")) == ["denied_two", "seen_two"]


# -- other processes ---------------------------------------------------------------------------------------

_READER = """
import sys
import perdure as db0
from tests.security.things import SEEN, Doc, names, seeing

db0.init(sys.argv[1], prefix="main", read_write=False, data_filter={"context_var": SEEN})
uuids = sys.argv[2:]
with seeing("open"):
    print(names(db0.find(Doc)), len(db0.find("x")), [db0.exists(uuid) for uuid in uuids])
    with db0.snapshot() as taken:
        print(names(taken.find(Doc)), [taken.exists(uuid) for uuid in uuids])
try:
    db0.find(Doc)
except PermissionError:
    print("refused")
sys.stdin.readline()
db0.refresh()
with seeing("open"):
    print(names(db0.find(Doc)))
db0.close()
"""


def test_a_reader_in_another_process_is_filtered_and_follows_the_grants(
    started: Callable[..., None], tmp_path: Path
) -> None:
    started()
    uuids = fill("main")
    arguments = [str(tmp_path), uuids["seen_main"], uuids["denied_main"]]
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _READER, *arguments]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None and reader.stdin is not None
        assert [reader.stdout.readline().strip() for _ in range(3)] == [
            "['seen_main'] 1 [True, False]",
            "['seen_main'] [True, False]",
            "refused",
        ]
        db0.tags(db0.find("x", db0.no("open"))).add("open")
        db0.commit()
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.read().strip() == "['denied_main', 'seen_main']"
    assert reader.returncode == 0


_FLAGGED = """
import sys
import perdure as db0

@db0.memo(id="Kept", access_control=sys.argv[2] == "flagged")
class Kept:
    def __init__(self):
        self.name = "kept"

@db0.memo(id="Below")
class Below(Kept):
    pass

db0.init(sys.argv[1], prefix="main")
if sys.argv[3] == "make":
    db0.tags(Kept(), Below()).add("x")
    db0.commit()
for cls in (Kept, Below):
    try:
        print(cls.__name__, len(db0.find(cls)))
    except PermissionError:
        print(cls.__name__, "refused")
print([one.type_flags["access_control"] for one in db0.get_memo_classes()])
db0.close()
"""


def run_flagged(tmp_path: Path, flag: str, make: str = "") -> list[str]:
    found = subprocess.run(
        [sys.executable, "-c", _FLAGGED, str(tmp_path), flag, make], capture_output=True, text=True, check=True
    )
    return found.stdout.splitlines()


def test_a_prefix_keeps_the_flag_of_a_class_once_it_has_it(tmp_path: Path) -> None:
    assert run_flagged(tmp_path, "plain", "make") == ["Kept 2", "Below 1", "[False, False]"]
    assert run_flagged(tmp_path, "flagged", "make")[:2] == ["Kept refused", "Below refused"]
    assert run_flagged(tmp_path, "plain") == ["Kept refused", "Below refused", "[True, False]"]


def test_a_restricted_class_that_cannot_be_imported_is_restricted(
    started: Callable[..., None], tmp_path: Path
) -> None:
    run_flagged(tmp_path, "flagged", "make")
    started()
    (kept,) = [one for one in db0.get_memo_classes() if one.name.endswith("Kept")]
    with pytest.raises(PermissionError):
        kept.all()
    with pytest.raises(PermissionError):
        kept.get_instance_count()
    (stored,) = [one for one in db0.find("x") if "Kept" in repr(one)]
    assert not db0.exists(db0.uuid(stored))
