"""The public names of the memo face: the list, what is there, and that no builtin is harmed."""

import builtins
import subprocess
import sys

import pytest

import perdure as db0

from .things import Thing

NAMES = """
    AsyncAtomicManager AtomicManager AttributeInfo BadPrefixError ByteArrayObject CallableType ClassNotFoundError
    DictObject EnumType EnumValue Explanation FastQuery FastQueryCache GroupByBucket GroupByEval GroupDef
    IndexObject JoinQuery ListObject LockedManager Memo MemoBase MemoMetaClass MemoWeakProxy MethodInfo MethodParam
    MigrateError ModIterable ModIterator ObjectTagManager PrefixMetaData Query QueryObject QueryParam
    ReadOnlyManager ReferenceError SetObject Snapshot SnapshotWindow Tag TagSet TupleObject as_tag assign
    async_atomic async_wait atomic atomic_assign await_commit begin_atomic begin_locked begin_read_only build_flags
    bytearray clear_cache close commit compare complete_with copy_prefix count_op delete describe deserialize dict
    drop enum exists expired fetch fields_of filter find find_singleton fulltext get_address get_attributes
    get_cache_stats get_callables get_complete_action get_complete_action_name get_config get_current_prefix
    get_field_access get_lambda_source get_lang_cache_stats get_memo_class get_memo_classes get_methods
    get_mutable_prefixes get_prefix_of get_prefix_stats get_prefixes get_properties get_queries get_schema
    get_slab_metrics get_snapshot_of get_state_num get_storage_stats get_type get_type_info get_type_stats
    getattr_as getrefcount group_by has_complete_action hash immutable import_model in_read_only index index_of
    indexed_fields init init_fast_query is_enum is_enum_value is_fulltext is_immutable is_immutable_parameter
    is_immutable_query is_memo is_private is_query is_singleton is_table_view join list load load_all locked
    make_sum materialized memo migrate migration no open predicate read_only refresh rename_field retry
    select_deleted select_modified select_new serialize set set_cache_size reset_protect_fields set_field_access
    set_prefix set_restricted signature_of snapshot split_by table_view tag_fields taggify tags tags_of touch tuple
    types uuid wait weak_proxy weak_set CompositeTag TagPrefix tag_prefix
"""


def test_the_public_list_is_this_one() -> None:
    assert sorted(db0.__all__) == sorted(NAMES.split())
    assert len(set(db0.__all__)) == len(db0.__all__)


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    for name in db0.__all__:
        assert getattr(db0, name).__doc__, name


def test_names_of_builtins_are_those_of_the_package_only() -> None:
    shadowed = [name for name in db0.__all__ if hasattr(builtins, name)]
    assert {"open", "list", "dict", "set", "tuple", "bytearray", "hash", "filter", "ReferenceError"} == set(shadowed)
    assert all(getattr(db0, name) is not getattr(builtins, name) for name in shadowed)
    assert not issubclass(db0.ReferenceError, ReferenceError)


def test_importing_the_package_loads_neither_the_command_line_nor_the_other_face() -> None:
    script = "import sys, perdure; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"perdure.cli", "perdure.zodb", "click", "rich"}.intersection(run.stdout.split())


@pytest.mark.usefixtures("root")
def test_the_typing_names_are_the_types_of_what_the_functions_give() -> None:
    thing, size = Thing(), db0.enum("Size", ["S"])
    db0.tags(thing).add("kept")
    given = {
        db0.Memo: thing, db0.MemoWeakProxy: db0.weak_proxy(thing), db0.EnumType: size, db0.EnumValue: size.S,
        db0.QueryObject: db0.find(Thing), db0.Tag: db0.as_tag(thing), db0.TagSet: db0.no("kept"),
        db0.ListObject: db0.list(), db0.TupleObject: db0.tuple(()), db0.SetObject: db0.set(),
        db0.DictObject: db0.dict(),
        db0.ByteArrayObject: db0.bytearray(), db0.IndexObject: db0.index(), db0.ObjectTagManager: db0.tags(thing),
        db0.Snapshot: db0.snapshot(), db0.PrefixMetaData: db0.get_current_prefix(),
        db0.MemoMetaClass: db0.get_memo_class(thing), db0.AtomicManager: db0.atomic(), db0.LockedManager: db0.locked(),
        db0.AttributeInfo: next(iter(db0.get_memo_class(thing).get_attributes())),
    }  # fmt: skip
    for kind, value in given.items():
        assert isinstance(value, kind), kind


def test_the_exceptions_have_the_bases_that_programs_catch() -> None:
    for error in (db0.ReferenceError, db0.ClassNotFoundError, db0.BadPrefixError, db0.MigrateError):
        assert issubclass(error, Exception)
    assert issubclass(db0.MigrateError, RuntimeError)


@pytest.mark.usefixtures("root")
def test_types_has_the_classes_of_collections_for_isinstance() -> None:
    made = {
        "List": db0.list([1]), "Tuple": db0.tuple([1]), "Set": db0.set([1]), "Dict": db0.dict(a=1),
    }  # fmt: skip
    for name, collection in made.items():
        kind = getattr(db0.types, name)
        assert isinstance(collection, kind) and type(collection).__name__ == name
        assert [other for other in made if isinstance(made[other], kind)] == [name]
        assert not isinstance(collection, list | tuple | set | dict)
    holder = Thing("holder", items=[1], table={}, group={1})
    assert isinstance(holder.items, db0.types.List) and isinstance(holder.table, db0.types.Dict)
    assert isinstance(holder.group, db0.types.Set)


def test_names_for_annotations_are_the_classes_themselves() -> None:
    assert (db0.ListObject, db0.TupleObject, db0.SetObject) == (db0.list, db0.tuple, db0.set)
    assert (db0.DictObject, db0.ByteArrayObject, db0.IndexObject) == (db0.dict, db0.bytearray, db0.index)
    assert db0.list[int] and db0.dict[str, int] and db0.index[int, Thing] and db0.QueryObject[Thing]
