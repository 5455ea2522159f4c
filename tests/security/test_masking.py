"""The matrix of protected fields: operation by account, mode and placeholder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, READER, SECRET, STRANGER, account, denied, grant

UNSET = object()
FIELDS = [f"field{number}" for number in range(8)]
"""More than an object keeps in itself: the last ones are kept in another way."""


@db0.memo(protect_fields=True)
class Customer:
    def __init__(self, secret: Any = SECRET) -> None:
        for name in FIELDS:
            setattr(self, name, secret)

    def shown(self) -> Any:
        return self.field0


@db0.memo(protect_fields=True)
class Empty:
    def __init__(self) -> None:
        pass


def start(directory: Path, **masking: Any) -> None:
    db0.init(directory, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT, **masking})
    for cls in (Customer, Empty):
        grant(cls, OWNER, ALL, *FIELDS, "more")


@pytest.fixture
def ended() -> Iterator[None]:
    yield
    db0.close()


pytestmark = pytest.mark.usefixtures("ended")


def owned(cls: Any) -> Any:
    with account(OWNER):
        made = cls()
        db0.commit()
        return made


def values(obj: Any) -> dict[str, Any]:
    with account(OWNER):
        return dict(vars(obj))


OPERATIONS: dict[str, Callable[[Any, str], Any]] = {
    "READ": lambda obj, name: getattr(obj, name),
    "CREATE": lambda obj, name: setattr(obj, "more", 5),
    "UPDATE": lambda obj, name: setattr(obj, name, 5),
    "DELETE": lambda obj, name: delattr(obj, name),
}


@pytest.mark.parametrize("name", ["field0", "field7"])
@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize("granted", [(), *[(one,) for one in ALL], ALL], ids=lambda modes: "+".join(modes) or "nothing")
@pytest.mark.parametrize("mode", ["RELEASE", "DEBUG", None])
@pytest.mark.parametrize("placeholder", [UNSET, None, "hidden"], ids=["error", "None", "text"])
def test_each_operation_needs_its_right(
    tmp_path: Path, operation: str, granted: tuple[str, ...], mode: Any, placeholder: Any, name: str
) -> None:
    masking = {"mode": mode} | ({} if placeholder is UNSET else {"missing_value_placeholder": placeholder})
    start(tmp_path, **masking)
    obj = owned(Customer)
    grant(Customer, READER, granted, name, "more")
    before = values(obj)
    with account(READER):
        if operation in granted:
            found = OPERATIONS[operation](obj, name)
            assert operation != "READ" or found == SECRET
        elif operation == "READ" and placeholder is not UNSET:
            assert OPERATIONS[operation](obj, name) is placeholder
        else:
            assert operation.lower() in denied(lambda: OPERATIONS[operation](obj, name))
    expected = dict(before)
    if operation in granted:
        expected |= {"CREATE": {"more": 5}, "UPDATE": {name: 5}}.get(operation, {})
        if operation == "DELETE":
            del expected[name]
    assert values(obj) == expected


@pytest.mark.parametrize("number", [-1, -2])
@pytest.mark.parametrize("operation", ALL)
def test_super_accounts_in_debug_mode(tmp_path: Path, operation: str, number: int) -> None:
    start(tmp_path, mode="DEBUG")
    obj = owned(Customer)
    with account(number):
        if operation == "READ" or number == -2:
            OPERATIONS[operation](obj, "field1")
        else:
            denied(lambda: OPERATIONS[operation](obj, "field1"))


@pytest.mark.parametrize("mode, number", [("RELEASE", -1), ("RELEASE", -2), ("RELEASE", -3), ("DEBUG", -3), (None, -1)])
@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize("placeholder", [UNSET, None])
def test_other_negative_accounts_are_invalid(
    tmp_path: Path, mode: Any, number: int, operation: str, placeholder: Any
) -> None:
    start(tmp_path, mode=mode, **({} if placeholder is UNSET else {"missing_value_placeholder": None}))
    obj = owned(Customer)
    before = values(obj)
    with account(number):
        assert "invalid account" in denied(lambda: OPERATIONS[operation](obj, "field1"), RuntimeError)
    assert values(obj) == before


@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize("value", [None, "1", 1.0, True, b"1", (1,), object()], ids=lambda value: type(value).__name__)
def test_what_is_no_int_is_no_account(tmp_path: Path, operation: str, value: Any) -> None:
    start(tmp_path, missing_value_placeholder=None)
    obj = owned(Customer)
    with account(value):
        denied(lambda: OPERATIONS[operation](obj, "field1"), TypeError)


@pytest.mark.parametrize("operation", ALL)
def test_without_an_account_nothing_is_allowed(tmp_path: Path, operation: str) -> None:
    start(tmp_path)
    obj = owned(Customer)
    assert "without an account" in copy_context().run(lambda: denied(lambda: OPERATIONS[operation](obj, "field1")))


def test_without_an_account_the_placeholder_is_read(tmp_path: Path) -> None:
    start(tmp_path, missing_value_placeholder="hidden")
    assert owned(Customer).field3 == "hidden"


@pytest.mark.parametrize("number", [0, STRANGER, 10**12, 10**30])
@pytest.mark.parametrize("operation", ALL)
def test_unknown_accounts_have_no_rights(tmp_path: Path, operation: str, number: int) -> None:
    start(tmp_path)
    obj = owned(Customer)
    with account(number):
        denied(lambda: OPERATIONS[operation](obj, "field1"))


def test_accounts_of_any_size_can_have_rights(tmp_path: Path) -> None:
    start(tmp_path)
    obj = owned(Customer)
    for number in (0, 10**12, 10**30):
        grant(Customer, number, ["READ"], "field0")
        with account(number):
            assert obj.field0 == SECRET


# -- creating ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", FIELDS)
@pytest.mark.parametrize("placeholder", [UNSET, None])
def test_an_object_is_made_with_all_fields_or_not_at_all(tmp_path: Path, missing: str, placeholder: Any) -> None:
    start(tmp_path, **({} if placeholder is UNSET else {"missing_value_placeholder": None}))
    grant(Customer, READER, ["CREATE"], *FIELDS)
    grant(Customer, READER, ["READ", "UPDATE", "DELETE"], missing)
    db0.commit()
    state = db0.get_state_num()
    with account(READER):
        assert "create" in denied(Customer)
    db0.commit()
    assert len(db0.find(Customer)) == 0
    assert db0.getrefcount(Customer) == 0
    assert db0.get_state_num() == state


def test_creating_needs_no_other_right(tmp_path: Path) -> None:
    start(tmp_path)
    grant(Customer, READER, ["CREATE"], *FIELDS)
    with account(READER):
        made = Customer()
        denied(lambda: made.field0)
        db0.commit()
    assert values(made) == dict.fromkeys(FIELDS, SECRET)


def test_assigning_again_in_init_is_an_update(tmp_path: Path) -> None:
    @db0.memo(protect_fields=True, id="twice")
    class Twice:
        def __init__(self) -> None:
            self.size = 1
            self.size = 2

    start(tmp_path)
    grant(Twice, READER, ["CREATE"], "size")
    with account(READER):
        assert "update" in denied(Twice)
        grant(Twice, READER, ["CREATE", "UPDATE"], "size")
        Twice()


def test_reading_in_init_is_reading(tmp_path: Path) -> None:
    @db0.memo(protect_fields=True, id="peeking")
    class Peeking:
        def __init__(self) -> None:
            self.size = 1
            self.double = self.size * 2

    start(tmp_path)
    grant(Peeking, READER, ["CREATE"], "size", "double")
    with account(READER):
        assert "read" in denied(Peeking)


def test_a_deleted_field_is_missing_and_needs_the_right_to_be_created(tmp_path: Path) -> None:
    start(tmp_path)
    obj = owned(Customer)
    grant(Customer, READER, ["DELETE", "UPDATE"], "field0")
    with account(READER):
        del obj.field0
        with pytest.raises(AttributeError):
            _ = obj.field0
        assert not hasattr(obj, "field0")
        assert "create" in denied(lambda: setattr(obj, "field0", 1))
    assert "field0" not in values(obj)


def test_a_field_that_never_was_is_missing(tmp_path: Path) -> None:
    start(tmp_path)
    obj = owned(Customer)
    with account(STRANGER):
        with pytest.raises(AttributeError):
            _ = obj.nothing
        with pytest.raises(AttributeError):
            del obj.nothing


# -- what is a field ---------------------------------------------------------------------------------------


def test_methods_see_what_their_caller_may_see(tmp_path: Path) -> None:
    start(tmp_path)
    obj = owned(Customer)
    with account(STRANGER):
        denied(obj.shown)
    with account(OWNER):
        assert obj.shown() == SECRET


def test_methods_properties_and_class_attributes_are_not_protected(tmp_path: Path) -> None:
    @db0.memo(protect_fields=True, id="plain")
    class Plain:
        kind = "plain"

        @property
        def size(self) -> int:
            return 5

        @staticmethod
        def helper() -> int:
            return 6

    start(tmp_path)
    with account(OWNER):
        obj = Plain()
    with account(STRANGER):
        assert (obj.kind, obj.size, obj.helper()) == ("plain", 5, 6)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_class_default_is_checked_when_its_name_is_a_field_of_the_class(tmp_path: Path, reopened: bool) -> None:
    @db0.memo(protect_fields=True, id="defaulted")
    class Defaulted:
        size = SECRET

        def __init__(self, own: bool) -> None:
            if own:
                self.size = "own"

    start(tmp_path)
    grant(Defaulted, OWNER, ALL, "size")
    with account(OWNER):
        own, bare = Defaulted(True), Defaulted(False)
        db0.tags(own, bare).add("kept")
    db0.commit()
    if reopened:
        uuid = db0.uuid(bare)
        db0.close("main")
        db0.open("main")
        bare = db0.fetch(uuid)
    with account(STRANGER):
        denied(lambda: bare.size)
    with account(OWNER):
        assert bare.size == SECRET


def test_properties_are_checked_by_the_fields_they_use(tmp_path: Path) -> None:
    @db0.memo(protect_fields=True, id="wrapped")
    class Wrapped:
        def __init__(self) -> None:
            self._size = SECRET

        @property
        def size(self) -> Any:
            return self._size

        @size.setter
        def size(self, value: Any) -> None:
            self._size = value

    start(tmp_path)
    grant(Wrapped, OWNER, ALL, "_size")
    obj = owned(Wrapped)
    with account(STRANGER):
        denied(lambda: obj.size)
        assert "update" in denied(lambda: setattr(obj, "size", 1))


def test_volatile_members_are_no_fields(tmp_path: Path) -> None:
    start(tmp_path)
    obj = owned(Customer)
    with account(STRANGER):
        obj._v_seen = 1
        assert obj._v_seen == 1
