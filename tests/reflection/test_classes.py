"""Claims of the spec, sections 10.1 and 4.11."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import Plain, Quiet, Settings, Shown

pytestmark = pytest.mark.usefixtures("root")


def keep(*objects: Any) -> Any:
    db0.tags(*objects).add("kept")
    return objects[0]


def described(cls: type, **options: Any) -> db0.MemoMetaClass:
    (found,) = [one for one in db0.get_memo_classes(**options) if one.name.endswith(f".{cls.__qualname__}")]
    return found


def test_the_classes_of_a_prefix_are_listed() -> None:
    assert list(db0.get_memo_classes()) == []
    keep(Shown("a"), Quiet())
    Settings()
    found = {one.name: one for one in db0.get_memo_classes()}
    assert set(found) == {f"{Shown.__module__}.{name}" for name in ("Shown", "Quiet", "Settings")}
    assert found[f"{Shown.__module__}.Shown"].module == Shown.__module__


def test_the_prefix_is_given_by_name_by_metadata_or_not_at_all() -> None:
    keep(Shown("a"))
    main = db0.get_current_prefix()
    db0.open("other")
    assert list(db0.get_memo_classes()) == []
    for prefix in ("main", main, main._replace(name=None), main._replace(uuid=None)):
        assert [one.name for one in db0.get_memo_classes(prefix)] == [f"{Shown.__module__}.Shown"]
    with pytest.raises(db0.BadPrefixError, match="uuid"):
        list(db0.get_memo_classes(main._replace(uuid=5)))
    with pytest.raises(TypeError):
        list(db0.get_memo_classes(3))


def test_flags_tell_the_options_of_memo() -> None:
    keep(Shown("a"), Quiet())
    Settings()
    names = ("singleton", "no_default_tags", "access_control", "immutable", "intern", "protect_fields")
    flags = dict.fromkeys(names, False)
    assert described(Shown).type_flags == flags and not described(Shown).is_singleton
    assert described(Quiet).type_flags == {**flags, "no_default_tags": True, "access_control": True}
    assert described(Settings).is_singleton


def test_a_class_is_found_by_its_uuid_and_by_an_object() -> None:
    shown = keep(Shown("a"))
    found = db0.get_memo_class(shown)
    assert found == described(Shown) == db0.get_memo_class(found.class_uuid) and hash(found) == hash(described(Shown))
    assert str(found) == repr(found) == f"{Shown.__module__}.Shown ({found.class_uuid})"
    assert found != db0.get_memo_class(keep(Quiet()))
    with pytest.raises(RuntimeError):
        db0.get_memo_class(db0.uuid(shown))
    with pytest.raises(TypeError):
        db0.get_memo_class(3)


def test_the_instance_of_a_singleton_is_named() -> None:
    settings = Settings()
    found = described(Settings)
    assert found.instance_uuid == db0.uuid(settings) and found.get_instance() is settings
    keep(Shown("a"))
    assert described(Shown).instance_uuid is None
    with pytest.raises(RuntimeError):
        described(Shown).get_instance()


def test_a_description_can_be_pickled() -> None:
    keep(Shown("a"))
    found = described(Shown)
    again = pickle.loads(pickle.dumps(found))
    assert again == found and again.get_type() is Shown and again.get_instance_count() == 1


def test_types_are_known_and_instances_are_found_and_counted() -> None:
    shown = keep(Shown("a"), Shown("b"))
    db0.commit()
    found = described(Shown)
    with db0.snapshot() as before:
        keep(Shown("c"))
        assert found.type_exists() and found.get_type() is Shown
        assert found.get_instance_count() == 3 and {one.name for one in found.all()} == {"a", "b", "c"}
        assert {one.name for one in found.all(snapshot=before)} == {"a", "b"}
        assert len(found.all(as_memo_base=True)) == 3
    assert shown in found.all()


def test_attributes_methods_and_properties_of_a_class() -> None:
    shown = keep(Shown("a"))
    shown.extra = 1
    found = described(Shown)
    assert [one.name for one in found.get_attributes()] == ["name", "size", "_secret", "extra"]
    assert {one.name for one in found.get_attributes(include_properties=True)} >= {"name", "label"}
    assert found.get_attributes()[0].metaclass == found
    methods = {method.name: method for method in found.get_methods()}
    assert set(methods) == {"total", "candidates", "pick", "grow", "rename", "secret", "build", "helper"}
    assert methods["grow"].metaclass is found


def test_a_class_object_stands_for_its_type_in_queries() -> None:
    keep(Shown("a"), Quiet())
    found = described(Shown).get_class()
    assert found.type() is Shown and found.type_exists() and found.is_known_type()
    assert {one.name for one in db0.find(found)} == {one.name for one in db0.find(found, "kept")} == {"a"}
    assert [name for name, _ in found.get_attributes()] == ["name", "size", "_secret"]
    assert found.get_type_flags()["singleton"] is False and found.type_info()["uuid"] == described(Shown).class_uuid
    assert found == described(Shown).get_class() and "Shown" in repr(found)
    with pytest.raises(RuntimeError, match="one class"):
        db0.find(found, Quiet)


def test_classes_that_cannot_be_imported_are_described_and_their_objects_found(root: Path) -> None:
    db0.close()
    script = (
        "import sys, types, perdure as db0\n"
        "module = types.ModuleType('vanished'); sys.modules['vanished'] = module\n"
        "class Gone:\n"
        "    def __init__(self, name): self.name = name\n"
        "Gone.__module__ = 'vanished'; Gone = module.Gone = db0.memo(Gone)\n"
        "db0.init(sys.argv[1], prefix='main')\n"
        "db0.tags(Gone('a')).add('kept'); db0.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(root)], check=True)
    db0.init(root, prefix="main", autocommit=False)
    (found,) = db0.get_memo_classes()
    assert found.name == "vanished.Gone" and not found.type_exists() and found.get_instance_count() == 1
    with pytest.raises(db0.ClassNotFoundError):
        found.get_type()
    assert [one.name for one in found.all()] == [one.name for one in db0.find(found.get_class(), "kept")] == ["a"]
    assert [one.name for one in found.get_attributes(include_properties=True)] == ["name"]
    assert found.get_schema() == {"name": {"primary_type": str, "all_types": [str]}}
    one = next(iter(db0.find("kept")))
    assert db0.get_memo_class(one) == found
    assert db0.fetch(db0.uuid(one), db0.MemoBase) is one


def test_attributes_info_and_numbers_of_a_type() -> None:
    keep(Shown("a"), Shown("b"))
    Settings()
    assert db0.get_attributes(Shown) == [("name", 0), ("size", 1), ("_secret", 2)]
    info = db0.get_type_info(Shown)
    assert (info["name"], info["module"], info["prefix"]) == ("Shown", Shown.__module__, "main")
    stats = db0.get_type_stats(Shown)
    assert (stats["instances"], stats["fields"], stats["type_id"]) == (2, ["name", "size", "_secret"], None)
    assert db0.get_type_stats(Settings, prefix="main")["type_id"] == "reflection:settings"
    assert stats["singleton"] is False and stats["uuid"] == described(Shown).class_uuid
    for ask in (db0.get_attributes, db0.get_type_info, db0.get_type_stats):
        with pytest.raises(TypeError):
            ask(Plain)
        with pytest.raises(RuntimeError, match="Class not found"):
            ask(Quiet)


# -- schema ------------------------------------------------------------------------------------------------


def test_the_schema_counts_the_types_of_all_live_objects() -> None:
    first = keep(Shown("a", 1), Shown("b", 2), Shown("c", "large"))  # type: ignore[arg-type]
    schema = db0.get_schema(Shown)
    assert schema["size"] == {"primary_type": int, "all_types": [int, str]}
    assert schema["name"] == {"primary_type": str, "all_types": [str]} and list(schema) == ["name", "size", "_secret"]
    first.size = "small"
    assert db0.get_schema(Shown)["size"]["primary_type"] is str
    first.more = None
    assert db0.get_schema(Shown)["more"] == {"primary_type": type(None), "all_types": [type(None)]}
    del first.more
    assert "more" not in db0.get_schema(Shown)


def test_none_counts_for_the_primary_type_only_when_there_is_no_other() -> None:
    keep(Shown("a", None), Shown("b", None), Shown("c", 1))  # type: ignore[arg-type]
    schema = db0.get_schema(Shown)["size"]
    assert schema["primary_type"] is int and set(schema["all_types"]) == {int, type(None)}


@pytest.mark.parametrize(
    ("value", "kind"),
    [([1], list), ({"a": 1}, dict), ({1}, set), ((1,), tuple), (bytearray(b"x"), bytearray), (1.5, float)],
)
def test_containers_are_reported_as_pythons(value: Any, kind: type) -> None:
    keep(Shown("a", value))
    assert db0.get_schema(Shown)["size"]["primary_type"] is kind


def test_references_are_reported_as_the_wildcard() -> None:
    target = keep(Shown("target"))
    keep(Shown("a", target), Shown("b", db0.weak_proxy(target)), Shown("c", Quiet()))  # type: ignore[arg-type]
    assert db0.get_schema(Shown)["size"]["primary_type"] is db0.MemoBase


def test_the_schema_follows_deletes_and_drops() -> None:
    first, second = keep(Shown("a", 1)), Shown("b", "x")  # type: ignore[arg-type]
    assert set(db0.get_schema(Shown)["size"]["all_types"]) == {int, str}
    del second
    db0.commit()
    assert db0.get_schema(Shown)["size"]["all_types"] == [int]
    db0.tags(first).remove("kept")
    db0.delete(first)
    assert db0.get_schema(Shown) == {}


def test_the_schema_is_of_memo_classes() -> None:
    assert db0.get_schema(Quiet) == {}
    with pytest.raises(TypeError):
        db0.get_schema(Plain)
