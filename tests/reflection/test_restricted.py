"""Claims of the spec, section 13.4."""

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import Shown

DENIED = "Restricted memo attribute access denied"


@pytest.fixture
def context() -> ContextVar[Any]:
    return ContextVar("restricted")


@pytest.fixture
def shown(root: Path) -> Any:
    made = Shown("a")
    made._mine = 1
    db0.tags(made).add("kept")
    return made


@pytest.fixture
def restricted(shown: Any) -> Iterator[Any]:
    db0.set_restricted(restricted=True, prefix="main")
    yield shown


def test_fields_of_any_name_can_be_read_written_and_deleted(restricted: Any) -> None:
    assert restricted.name == "a" and restricted._mine == 1 and restricted._secret == "secret"
    restricted.name, restricted._mine, restricted.fresh = "b", 2, [1]
    assert (restricted.name, restricted._mine, restricted.fresh) == ("b", 2, [1])
    del restricted.fresh
    with pytest.raises(AttributeError):
        restricted.fresh


def test_public_methods_properties_and_class_values_work(restricted: Any) -> None:
    restricted.grow()
    assert (restricted.total(), restricted.label, restricted.kind, restricted.secret()) == (4, "a 2", "shown", "secret")


@pytest.mark.parametrize("name", ["__self__", "__func__", "__globals__", "__name__", "__class__", "__call__", "x"])
def test_a_method_can_be_called_and_nothing_else(restricted: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=DENIED):
        getattr(restricted.grow, name)
    with pytest.raises(AttributeError, match=DENIED):
        dir(restricted.grow)


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "__dict__",
        "__init__",
        "__doc__",
        "__module__",
        "__reduce__",
        "build",
        "helper",
        "_hidden",
        "_private",
        "_perdure_flags_",
    ],
)
def test_special_private_class_and_static_members_are_denied(restricted: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=f"{DENIED}: {name}"):
        getattr(restricted, name)


def test_dir_is_empty_and_vars_is_refused(restricted: Any) -> None:
    assert dir(restricted) == []
    with pytest.raises(TypeError):
        vars(restricted)


def test_type_equality_repr_load_and_describe_work(restricted: Any) -> None:
    assert type(restricted) is Shown and restricted == restricted and "Shown object" in repr(restricted)
    assert db0.load(restricted) == {"name": "a", "size": 1, "_secret": "secret", "_mine": 1}
    assert db0.describe(restricted)["uuid"] == db0.uuid(restricted) and db0.compare(restricted, restricted)
    assert list(db0.find(Shown)) == [restricted] and isinstance(restricted, Shown)


def test_new_objects_are_made_and_restricted(restricted: Any) -> None:
    made = Shown("b")
    with pytest.raises(AttributeError, match=DENIED):
        made._private()
    db0.commit()
    db0.clear_cache()
    assert made.name == "b"


def test_classes_defined_later_are_restricted_too(restricted: Any) -> None:
    @db0.memo
    class Later:
        _hidden = 1

    with pytest.raises(AttributeError, match=DENIED):
        Later()._hidden


def test_other_prefixes_and_a_workspace_opened_later_are_not_restricted(restricted: Any, root: Path) -> None:
    db0.open("other")
    assert Shown("b")._private() == "private"
    db0.close()
    db0.init(root, prefix="main", autocommit=False)
    assert next(iter(db0.find(Shown)))._private() == "private"


def test_snapshots_are_as_restricted_as_their_prefix(restricted: Any) -> None:
    db0.commit()
    with db0.snapshot() as snapshot, pytest.raises(AttributeError, match=DENIED):
        snapshot.fetch(db0.uuid(restricted))._private()


def test_a_context_variable_restricts_while_it_is_true(shown: Any, context: ContextVar[Any]) -> None:
    db0.set_restricted(restricted_context=context, prefix="main")
    assert shown._private() == "private"
    for value, denied in ((True, True), (0, False), ("yes", True), (None, False)):
        token = context.set(value)
        if denied:
            with pytest.raises(AttributeError, match=DENIED):
                shown._private()
        else:
            assert shown._private() == "private"
        context.reset(token)
    assert db0.get_prefix_stats()["restricted"] is False


def test_errors_of_the_variables_value_are_raised(shown: Any, context: ContextVar[Any]) -> None:
    class Undecided:
        def __bool__(self) -> bool:
            raise LookupError("undecided")

    db0.set_restricted(restricted_context=context)
    context.set(Undecided())
    with pytest.raises(LookupError, match="undecided"):
        shown.name


@pytest.mark.parametrize("prefix", [None, "main"])
def test_levels_only_increase(shown: Any, context: ContextVar[Any], prefix: str | None) -> None:
    def set_restricted(**options: Any) -> None:
        db0.set_restricted(prefix=prefix, **options)

    for options, match in [
        ({"restricted": False}, "cannot be weakened"),
        ({"restricted": True, "restricted_context": context}, "exclude"),
        ({}, "takes"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            set_restricted(**options)
    set_restricted(restricted_context=context)
    for again in (context, ContextVar[Any]("another")):
        with pytest.raises(RuntimeError, match="cannot be replaced"):
            set_restricted(restricted_context=again)
    with pytest.raises(RuntimeError, match="cannot be weakened"):
        set_restricted(restricted=False)
    set_restricted(restricted=True)
    set_restricted(restricted=True)
    with pytest.raises(RuntimeError, match="cannot be weakened"):
        set_restricted(restricted_context=context)
    with pytest.raises(RuntimeError, match="cannot be weakened"):
        set_restricted(restricted=False)
    assert db0.get_prefix_stats()["restricted"] is True


def test_what_is_no_variable_and_what_is_not_open_is_refused(shown: Any) -> None:
    with pytest.raises(TypeError):
        db0.set_restricted(restricted_context="x")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        db0.set_restricted(restricted=True, prefix="closed")


def test_init_gives_the_default_of_prefixes_opened_later(tmp_path: Path) -> None:
    db0.init(tmp_path, restricted=True, autocommit=False)
    db0.open("main")
    assert db0.get_config()["restricted"] is True and db0.get_prefix_stats()["restricted"] is True
    with pytest.raises(AttributeError, match=DENIED):
        Shown("a")._private()
    with pytest.raises(RuntimeError, match="cannot be weakened"):
        db0.open("other", restricted=False)
    db0.close()


def test_open_restricts_one_prefix(tmp_path: Path, context: ContextVar[Any]) -> None:
    db0.init(tmp_path, autocommit=False)
    db0.open("free", restricted=False)
    db0.open("closed", restricted=True)
    db0.open("sometimes", restricted_context=context)
    stats = [db0.get_prefix_stats(name)["restricted"] for name in ("free", "closed", "sometimes")]
    assert stats == [False, True, False]
    assert db0.get_config()["restricted"] is False
    with pytest.raises(RuntimeError, match="exclude"):
        db0.open("both", restricted=True, restricted_context=context)
    db0.close()


def test_init_takes_both_options_and_open_refuses_them(tmp_path: Path, context: ContextVar[Any]) -> None:
    db0.init(tmp_path, restricted=True, restricted_context=context, autocommit=False)
    with pytest.raises(RuntimeError, match="exclude"):
        db0.open("main")
    db0.close()
