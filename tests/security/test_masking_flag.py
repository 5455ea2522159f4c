"""Which classes have protected fields: the option, what is stored of it, inheritance, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, SECRET, STRANGER, account, denied, grant

Restart = Callable[[], None]


@pytest.fixture(autouse=True)
def restart(tmp_path: Path) -> Iterator[Restart]:
    """Ends the workspace, and starts it again."""

    def start() -> None:
        db0.close()
        db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})

    start()
    yield start
    db0.close()


def define(name: str, base: type = object, **options: Any) -> Any:
    """A definition of the class of a name."""

    def __init__(self: Any, text: str = SECRET) -> None:
        self.text = text

    members = {"__init__": __init__, "__qualname__": name, "__module__": __name__}
    return db0.memo(**{"id": f"flag:{name}", **options})(type(name, (base,), members))


def stored(cls: Any) -> str:
    with account(OWNER):
        try:
            made = cls()
        except PermissionError:
            grant(cls, OWNER, ALL, "text")
            made = cls()
        db0.tags(made).add("kept")
        db0.commit()
        return db0.uuid(made)


def is_shown(uuid: str) -> bool:
    with account(STRANGER):
        try:
            found = db0.fetch(uuid)
            return bool(found.text == SECRET)
        except PermissionError:
            return False


@pytest.mark.parametrize("later", [{}, {"protect_fields": False}])
def test_the_flag_stays_whatever_later_definitions_say(restart: Restart, later: dict[str, Any]) -> None:
    uuid = stored(define("Kept", protect_fields=True))
    restart()
    again = define("Kept", **later)
    assert not is_shown(uuid)
    assert db0.describe(db0.fetch(uuid))["protected_fields"]
    assert db0.get_memo_class(db0.fetch(uuid)).type_flags["protect_fields"]
    assert db0.get_type_info(again)["protect_fields"]
    with account(STRANGER):
        denied(again)


def test_the_flag_can_be_added_to_a_class_that_has_objects(restart: Restart) -> None:
    uuid = stored(define("Added"))
    assert is_shown(uuid)
    define("Added", protect_fields=True)
    assert not is_shown(uuid)
    restart()
    define("Added")
    assert not is_shown(uuid)


def test_the_flag_that_is_added_while_a_prefix_is_closed_is_kept_by_it(restart: Restart) -> None:
    uuid = stored(define("Found"))
    db0.close("main")
    define("Found", protect_fields=True)
    db0.open("main")
    restart()
    define("Found")
    assert not is_shown(uuid)


def test_objects_of_an_earlier_definition_are_protected_too(restart: Restart) -> None:
    cls = define("Earlier")
    stored(cls)
    obj = next(iter(db0.find(cls)))
    assert obj.text == SECRET
    define("Earlier", protect_fields=True)
    with account(STRANGER):
        denied(lambda: obj.text)


def test_a_prefix_that_never_stored_the_flag_does_not_have_it(restart: Restart) -> None:
    define("Never", protect_fields=True)
    assert is_shown(stored(define("Never")))


def test_the_flag_is_of_a_prefix(restart: Restart) -> None:
    protected = stored(define("Parted", protect_fields=True))
    db0.open("other")
    free = stored(define("Parted"))
    assert is_shown(free) and not is_shown(protected)


def test_a_class_that_cannot_be_imported_stays_protected(restart: Restart) -> None:
    cls = define("Lost", protect_fields=True)
    uuid = stored(cls)
    assert cls.__module__ == __name__
    restart()
    from perdure.session import classes

    del classes._registered["flag:Lost"]
    found = db0.fetch(uuid)
    assert type(found) is not cls
    with account(STRANGER):
        denied(lambda: found.text)
        denied(lambda: vars(found))
        denied(lambda: found.__reduce_ex__(2), TypeError)
        denied(lambda: found.__getstate__(), TypeError)
    grant(cls, OWNER, ALL, "text")
    with account(OWNER):
        assert found.text == SECRET and vars(found) == {"text": SECRET}


# -- inheritance -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"protect_fields": True}])
def test_classes_below_a_protected_one_are_protected(restart: Restart, options: dict[str, Any]) -> None:
    base = define("Base", protect_fields=True)
    derived = define("Derived", base, **options)
    further = define("Further", derived)
    for cls in (derived, further):
        uuid = stored(cls)
        assert not is_shown(uuid)
        assert db0.describe(db0.fetch(uuid))["protected_fields"]


def test_a_class_below_a_protected_one_cannot_be_declared_otherwise(restart: Restart) -> None:
    base = define("Above", protect_fields=True)
    with pytest.raises(RuntimeError, match=r"protect_fields.*base"):
        define("Below", base, protect_fields=False)


def test_nor_below_one_that_was_protected_once(restart: Restart) -> None:
    stored(define("Once", protect_fields=True))
    restart()
    again = define("Once")
    with pytest.raises(RuntimeError, match=r"protect_fields.*base"):
        define("BelowOnce", again, protect_fields=False)


def test_bases_of_a_protected_class_are_not(restart: Restart) -> None:
    base = define("Open")
    define("Closed", base, protect_fields=True)
    assert is_shown(stored(base))


def test_a_base_that_becomes_protected_protects_what_is_below(restart: Restart) -> None:
    base = define("Late")
    derived = define("BelowLate", base)
    uuid = stored(derived)
    assert is_shown(uuid)
    define("Late", protect_fields=True)
    assert not is_shown(uuid)
    restart()
    define("BelowLate", define("Late"))
    assert not is_shown(uuid)


def test_rights_are_of_exactly_one_class(restart: Restart) -> None:
    base = define("Whole", protect_fields=True)
    derived = define("Part", base)
    one, other = stored(base), stored(derived)
    grant(base, STRANGER, ["READ"], "text")
    assert is_shown(one) and not is_shown(other)
    assert db0.get_field_access(derived, STRANGER) == []


# -- the end -----------------------------------------------------------------------------------------------


def test_the_flag_can_be_reset_once_it_is_not_declared(restart: Restart) -> None:
    cls = define("Reset", protect_fields=True)
    uuid = stored(cls)
    with pytest.raises(RuntimeError, match=r"decorated.*protect_fields"):
        db0.reset_protect_fields(cls)
    assert not is_shown(uuid)
    again = define("Reset")
    db0.reset_protect_fields(again)
    assert is_shown(uuid)
    db0.commit()
    restart()
    define("Reset")
    assert is_shown(uuid)


def test_the_class_object_can_reset_it(restart: Restart) -> None:
    uuid = stored(define("ByObject", protect_fields=True))
    define("ByObject")
    found = db0.get_memo_class(db0.fetch(uuid)).get_class()
    assert found.get_type_flags()["protect_fields"]
    found.reset_protect_fields()
    assert not found.get_type_flags()["protect_fields"]
    assert is_shown(uuid)


def test_what_is_inherited_cannot_be_reset(restart: Restart) -> None:
    base = define("Parent", protect_fields=True)
    derived = define("Child", base)
    uuid = stored(derived)
    with pytest.raises(RuntimeError, match=r"inherits.*protect_fields"):
        db0.reset_protect_fields(derived)
    plain = define("Parent")
    assert not is_shown(uuid)
    db0.reset_protect_fields(plain)
    assert is_shown(uuid)


def test_a_reset_is_refused_where_it_could_not_be_undone(restart: Restart) -> None:
    uuid = stored(define("Inside", protect_fields=True))
    again = define("Inside")
    with pytest.raises(RuntimeError, match="atomic"), db0.atomic():
        db0.reset_protect_fields(again)
    with pytest.raises(RuntimeError), db0.read_only():
        db0.reset_protect_fields(again)
    assert not is_shown(uuid)


def test_resetting_what_is_not_protected_does_nothing(restart: Restart) -> None:
    cls = define("Free")
    stored(cls)
    db0.reset_protect_fields(cls)
    for wrong in (5, object, "Free"):
        with pytest.raises(TypeError):
            db0.reset_protect_fields(wrong)  # type: ignore[arg-type]


def test_rights_outlast_a_reset(restart: Restart) -> None:
    cls = define("Again", protect_fields=True)
    uuid = stored(cls)
    db0.reset_protect_fields(define("Again"))
    define("Again", protect_fields=True)
    assert not is_shown(uuid)
    with account(OWNER):
        assert db0.fetch(uuid).text == SECRET
