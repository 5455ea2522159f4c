"""Claims of the spec, section 4.8."""

import pickle
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Color, Placed, Root, Thing


@pytest.mark.usefixtures("root")
class TestInAPrefix:
    def test_values_are_got_by_name_and_position(self) -> None:
        assert Color.RED is Color["RED"] is Color[0] and Color[-1] is Color.BLUE
        assert Color.values() == (Color.RED, Color.GREEN, Color.BLUE) and len(Color) == 3
        for error, get in [
            (AttributeError, lambda: Color.PINK),
            (KeyError, lambda: Color["PINK"]),
            (IndexError, lambda: Color[3]),
            (TypeError, lambda: iter(Color)),
            (TypeError, lambda: Color.RED in Color),
        ]:
            with pytest.raises(error):
                get()

    def test_str_is_the_name_and_repr_names_the_enum(self) -> None:
        assert str(Color.RED) == "RED" and repr(Color.RED) == "<EnumValue Color.RED>"

    def test_values_equal_only_themselves_and_have_no_order(self) -> None:
        other = db0.enum("Other", ["RED"])
        assert Color.RED != other.RED and Color.RED != "RED" and Color.RED != 0 and Color.RED != Color.BLUE
        assert len({Color.RED, other.RED, Color["RED"]}) == 2
        with pytest.raises(TypeError):
            sorted(Color.values())

    def test_the_decorator_takes_the_name_of_the_class(self) -> None:
        @db0.enum(values=["ONE", "TWO"])
        class Step:
            pass

        assert repr(Step.TWO) == "<EnumValue Step.TWO>" and db0.is_enum(Step)

    @pytest.mark.parametrize("values", [None, "RED", [1], ["A", 2]])
    def test_values_must_be_texts(self, values: Any) -> None:
        with pytest.raises(TypeError):
            db0.enum("Bad", values)

    def test_an_enum_may_be_empty(self) -> None:
        assert len(db0.enum("None", [])) == 0

    @pytest.mark.parametrize("values", [["A"], ["A", "B", "C"], ["B", "A"]])
    def test_redefinition_with_other_values_is_refused(self, values: list[str]) -> None:
        first = db0.enum("Fixed", ["A", "B"])
        with pytest.raises(RuntimeError, match="Fixed"):
            db0.enum("Fixed", values)
        assert db0.enum("Fixed", ["A", "B"]) is first

    def test_redefinition_is_refused_after_reopening_too(self, root: Path) -> None:
        db0.enum("Fixed", ["A", "B"])
        reopen(root)
        with pytest.raises(RuntimeError):
            db0.enum("Fixed", ["A"])

    def test_predicates_know_enums_and_values(self) -> None:
        assert db0.is_enum(Color) and not db0.is_enum(Color.RED)
        assert db0.is_enum_value(Color.RED) and not db0.is_enum_value(Color) and not db0.is_enum_value("RED")

    def test_values_are_fields_keys_elements_and_tags(self, root: Path) -> None:
        thing = Thing("tagged")
        db0.tags(thing).add(Color.RED)
        Root({"field": Color.RED, "set": {Color.RED, Color.BLUE}, "dict": {Color.RED: 1, "RED": 2}, "type": Color})
        reopen(root)
        value = Root().value
        assert value["field"] is Color.RED and value["set"] == {Color.RED, Color.BLUE}
        assert value["dict"][Color.RED] == 1 and value["dict"]["RED"] == 2 and value["type"] is Color
        assert [found.name for found in db0.find(Color.RED)] == ["tagged"]
        assert not db0.find(Color.BLUE) and not db0.find("RED")

    def test_a_scoped_enum_belongs_to_its_prefix_and_its_values_go_anywhere(self, root: Path) -> None:
        mood = db0.enum("Mood", ["GOOD", "BAD"], prefix="moods")
        assert db0.get_prefix_of(mood).name == "moods"
        Root(mood.GOOD)
        placed = Placed(mood.GOOD, "other")
        assert placed.name == Root().value == mood.GOOD
        with pytest.raises(TypeError):
            db0.get_prefix_of(Color)

    def test_an_enum_first_used_in_a_reverted_block_is_unknown_again(self, root: Path) -> None:
        with db0.atomic() as block:
            db0.enum("Brief", ["A"])
            block.cancel()
        db0.enum("Brief", ["A", "B"])

    def test_a_value_is_a_placeholder_where_the_enum_cannot_be_made(self, root: Path) -> None:
        db0.close()
        db0.init(root, prefix="main", read_write=False)
        shade = db0.enum("Shade", ["DARK"])
        assert "???" in repr(shade.DARK) and not db0.find(shade.DARK)


def test_before_init_values_are_placeholders_equal_to_the_real_ones(tmp_path: Path) -> None:
    shade = db0.enum("Shade2", ["DARK", "LIGHT"])
    early = shade.DARK
    assert "???" in repr(early) and early == shade.DARK and hash(early) == hash(shade.DARK)
    assert pickle.loads(pickle.dumps(early)) == early
    db0.init(tmp_path, prefix="main")
    assert "???" not in repr(shade.DARK) and early == shade.DARK and early in {shade.DARK: 1}
    thing = Thing()
    db0.tags(thing).add(early)
    assert list(db0.find(shade.DARK)) == [thing] and list(db0.find(early)) == [thing]
    db0.close()
    assert "???" in repr(shade.DARK)


@pytest.mark.usefixtures("root")
class TestBetweenPrefixes:
    def test_a_value_read_from_an_object_belongs_to_the_objects_prefix(self, root: Path) -> None:
        here, there = Root(Color.RED), Placed(Color.RED, "other")
        assert db0.get_prefix_of(Color.RED).name == "main"
        for _ in range(2):
            assert db0.get_prefix_of(here.value).name == "main"
            assert db0.get_prefix_of(there.name).name == "other"
            assert here.value == there.name == Color.RED and hash(here.value) == hash(there.name)
            identity = db0.uuid(there)
            db0.tags(there).add("kept")
            reopen(root, "other", "main")
            here, there = Root(), db0.fetch(identity)

    def test_the_prefix_of_a_value_is_the_current_one_unless_it_was_read(self, root: Path) -> None:
        red = Color.RED
        db0.open("second")
        assert db0.get_prefix_of(red).name == "main" and db0.get_prefix_of(Color.RED).name == "second"
        assert red == Color.RED

    def test_a_value_moves_with_each_assignment(self, root: Path) -> None:
        there = Placed(Color.RED, "other")
        here = Root(there.name)
        assert db0.get_prefix_of(here.value).name == "main"
        there.name = here.value
        assert db0.get_prefix_of(there.name).name == "other"

    def test_elements_of_collections_belong_to_the_prefix_of_the_collection(self, root: Path) -> None:
        there = Placed([Color.RED, {"key": Color.BLUE}], "other")
        db0.tags(there).add("kept")
        identity = db0.uuid(there)
        reopen(root, "other", "main")
        items = db0.fetch(identity).name
        assert db0.get_prefix_of(items[0]).name == db0.get_prefix_of(items[1]["key"]).name == "other"

    def test_values_of_other_prefixes_are_tags_and_criteria_everywhere(self, root: Path) -> None:
        there = Placed(Color.RED, "other")
        db0.tags(there).add(Color.RED)
        here = Thing("here")
        db0.tags(here).add(there.name)
        assert list(db0.find(Thing, there.name)) == list(db0.find(Thing, Color.RED)) == [here]
        assert list(db0.find(Placed, Color.RED, prefix="other")) == [there]
        assert [tag for _, tag in db0.split_by([there.name], db0.find(Thing))] == [Color.RED]
        assert db0.deserialize(db0.serialize(there.name)) == Color.RED

    def test_reading_the_same_value_again_gives_the_same_object(self, root: Path) -> None:
        first, second = Placed(Color.RED, "other"), Placed(Color.RED, "other")
        assert first.name is second.name
        assert Root(Color.RED).value is Color.RED
