"""Claims of the spec, section 2.12: which values fields keep, and how they come back."""

import datetime as dt
import enum
import functools
import math
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import uuid
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdure as db0

from .conftest import reopen
from .things import Access, Child, Color, Level, Number, Root, Thing, Tools, helper

pytestmark = pytest.mark.usefixtures("root")

SAME = [
    None,
    True,
    False,
    0,
    -(1 << 63),
    1 << 200,
    1.5,
    -0.0,
    math.inf,
    "",
    "text\0\U0001f600" * 100,
    b"",
    b"\xff" * 1000,
    complex(1, -2),
    dt.date(2024, 2, 29),
    dt.datetime(2024, 1, 2, 3, 4, 5, 6),
    dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2, minutes=30))),
    dt.datetime(2024, 7, 2, tzinfo=ZoneInfo("Europe/Vienna")),
    dt.time(1, 2, 3, 4),
    dt.time(1, tzinfo=dt.UTC),
    dt.timedelta(days=-1, microseconds=5),
    Decimal("1.500"),
    Decimal("1E+20"),
    Decimal("-Infinity"),
    uuid.UUID(int=5),
    range(1, 10, 3),
    (1, "a", (None,)),
    frozenset({1, "a"}),
    Level.HIGH,
    Number.ONE,
    Access.READ | Access.WRITE,
    pathlib.Path("/a/b"),
    pathlib.PurePosixPath("x"),
    pathlib.PureWindowsPath("c:/x"),
    int,
    dict,
    dt.datetime,
    Thing,
    Child,
    Tools,
    Tools.Inner,
    Tools.static,
    helper,
    os.path,
    textwrap,
    Color,
    Color.GREEN,
]


@pytest.mark.parametrize("value", SAME, ids=lambda value: re.sub(" (at 0x|from ).*", ">", repr(value)))
def test_a_value_comes_back_equal_and_of_its_type(root: Path, value: object) -> None:
    Root(None).value = value
    assert type(Root().value) is type(value) and Root().value == value
    reopen(root)
    found = Root().value
    assert type(found) is type(value) and found == value
    if value is None or isinstance(value, (bool, type, enum.Enum)):
        assert found is value


def test_not_a_number_comes_back(root: Path) -> None:
    Root((math.nan, Decimal("NaN")))
    reopen(root)
    floating, decimal = Root().value
    assert math.isnan(floating) and decimal.is_nan()


@pytest.mark.parametrize(
    ("value", "kind"),
    [([1, [2]], "List"), ({"a": {1: 2}}, "Dict"), ({1, 2}, "Set"), (bytearray(b"ab"), "ByteArray")],
)
def test_containers_become_durable_and_changes_in_them_are_kept(root: Path, value: object, kind: str) -> None:
    Root(value)
    assert type(Root().value).__name__ == kind and Root().value == value
    reopen(root)
    assert type(Root().value).__name__ == kind and Root().value == value


def test_nested_containers_are_durable_too(root: Path) -> None:
    Root({"a": [1, {"b": {2}}]})
    db0.commit()
    Root().value["a"][1]["b"].add(3)
    reopen(root)
    assert Root().value["a"][1]["b"] == {2, 3}


def test_a_stored_function_works_after_loading(root: Path) -> None:
    Root(helper)
    reopen(root)
    assert Root().value(1) == 2


class Slippery(int):
    pass


REFUSED = [
    lambda: 1,
    Tools().method,
    Tools.build,
    len,
    functools.partial(helper, 1),
    (n for n in ()),
    memoryview(b"x"),
    object(),
    Tools(),
    Slippery(3),
    [object()],
    {"a": (object(),)},
    dt.datetime(2024, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {"utcoffset": lambda *_: dt.timedelta(0)})()),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_other_values_are_refused_with_an_attribute_error(value: object) -> None:
    root = Root("before")
    with pytest.raises(AttributeError, match=r"Unsupported attribute type .* for .*Root\.value"):
        root.value = value
    assert root.value == "before"


def test_local_functions_and_classes_are_refused() -> None:
    def local() -> None: ...

    class Local: ...

    for value in (local, Local):
        with pytest.raises(AttributeError, match="name"):
            Root().value = value


def test_what_cannot_be_imported_any_more_reads_as_unresolved_and_is_stored_again(root: Path) -> None:
    module = root.parent / "gone_tomorrow.py"
    module.write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\ndef work(): pass\nclass Thing: pass\n")
    script = f"""
        import sys; sys.path.insert(0, {str(root.parent)!r})
        import gone_tomorrow, perdure as db0
        from tests.model.things import Root
        db0.init({str(root)!r}, prefix="other")
        Root((gone_tomorrow, gone_tomorrow.work, gone_tomorrow.Thing, gone_tomorrow.Kind.A))
        db0.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=Path(__file__).parents[2])
    db0.open("other")
    values = Root().value
    for value in values:
        assert repr(value).startswith("<unresolved") and hash(value) is not None
        with pytest.raises(db0.ClassNotFoundError, match="gone_tomorrow"):
            value()
        with pytest.raises(db0.ClassNotFoundError, match="gone_tomorrow"):
            value.something
    Root().value = [*values]
    reopen(root, "other")
    assert list(Root().value) == list(values)


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
)
nested = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=60)
@given(values=st.dictionaries(st.sampled_from([f"f{index}" for index in range(8)]), nested, max_size=8))
def test_any_fields_come_back_from_a_snapshot(values: dict[str, object]) -> None:
    thing = Thing()
    for name, value in values.items():
        setattr(thing, name, value)
    db0.commit()
    with db0.snapshot() as now:
        found = vars(now.fetch(db0.uuid(thing)))
        del found["name"]
        assert found == values
