"""Public names by which nothing can be had that is kept back, with the reason; for masking and for filtering."""

from __future__ import annotations

__all__ = ["HARMLESS", "HARMLESS_FOR_FILTERING", "HARMLESS_FOR_MASKING", "named"]


def named(reasons: dict[str, str]) -> dict[str, str]:
    """Name → reason, from lists of names by reason; `Class: a b` stands for the members of a class."""
    found: dict[str, str] = {}
    for reason, names in reasons.items():
        for line in names.strip().splitlines():
            cls, colon, members = line.strip().partition(":")
            for name in [f"{cls}.{member}" for member in members.split()] if colon else line.split():
                assert name not in found, f"{name} has two reasons"
                found[name] = reason
    return found


HARMLESS = named({
    "begins, ends or waits for something, and gives no value that is stored": """
        AsyncAtomicManager: __aenter__ __aexit__ cancel
        AtomicManager: __enter__ __exit__ cancel close
        LockedManager: __aenter__ __aexit__ __enter__ __exit__ close get_mutation_log
        ReadOnlyManager: __enter__ __exit__ close
        SnapshotWindow: __enter__ __exit__
        Snapshot: __enter__ __exit__ close
        AsyncAtomicManager AtomicManager LockedManager ReadOnlyManager SnapshotWindow
        async_atomic async_wait atomic await_commit begin_atomic begin_locked begin_read_only locked read_only
        in_read_only
        retry wait refresh commit close open init drop clear_cache set_cache_size init_fast_query
    """,
    "says what a prefix, a state or a setting is, and nothing of its objects": """
        PrefixMetaData: __add__ __contains__ __getitem__ __iter__ __len__ __mul__ __rmul__ count index name uuid
        Snapshot: __contains__ at get_state_num seen
        PrefixMetaData build_flags get_config get_current_prefix get_mutable_prefixes get_prefix_of get_prefixes
        get_state_num set_restricted
    """,
    "says what the source of a class or function says": """
        CallableType: ACTION MUTATOR PROPERTY QUERY __contains__ __getitem__ __iter__ __len__
        MethodInfo: get_params has_args has_kwargs metaclass
        MethodParam: annotation default has_default
        Query: get_params has_kwargs has_params
        MemoMetaClass: get_class get_type is_singleton type_exists
        GroupDef: function labels of signature
        AttributeInfo CallableType MethodInfo MethodParam MemoMetaClass Query QueryParam GroupDef complete_with
        fields_of
        fulltext get_complete_action get_complete_action_name get_lambda_source get_queries has_complete_action
        immutable
        import_model is_fulltext is_immutable is_immutable_parameter is_immutable_query is_private is_query
        is_table_view
        table_view indexed_fields tag_fields migration set_prefix types
    """,
    "says or changes who may do what: for who may write the prefix, since there is no other administrator": """
        get_field_access reset_protect_fields set_field_access
    """,
    "says how much a file or the memory has, whoever may see it: for who runs the program": """
        get_cache_stats get_lang_cache_stats get_prefix_stats get_slab_metrics get_storage_stats
    """,
    "calls a function of the caller's, under the caller's rights": """
        Query: execute
    """,
    "says of a value in hand of what kind it is": """
        is_enum is_enum_value is_memo is_singleton Memo MemoBase
    """,
    "is the name of an error; what errors say is looked at in every attack": """
        BadPrefixError ClassNotFoundError MigrateError ReferenceError
    """,
    "makes or describes a tag or criterion out of what the caller gives": """
        CompositeTag: cls databases items key keys kind node parts
        Tag: cls databases key keys kind node parts
        TagPrefix: items node
        TagSet: criterion
        EnumType: __contains__ __getattr__ __getitem__ __iter__ __len__ values
        EnumValue: enum_name name
        CompositeTag Tag TagPrefix TagSet EnumType EnumValue enum no tag_prefix taggify
    """,
    "changes what the caller gives, and answers nothing": """
        IndexObject: clear flush
        ObjectTagManager: __iadd__ __isub__ remove
        ObjectTagManager tags migrate
    """,
    "is a class whose members have decisions of their own, or the maker of an empty one": """
        ByteArrayObject DictObject IndexObject ListObject SetObject TupleObject Explanation FastQuery FastQueryCache
        GroupByBucket GroupByEval JoinQuery MemoWeakProxy ModIterable ModIterator QueryObject Snapshot
        bytearray dict index list set tuple
    """,
    "works on bytes that the caller has already read": """
        ByteArrayObject: __add__ __bytes__ __contains__ __copy__ __delitem__ __getitem__ __iadd__ __imul__
        ByteArrayObject: __iter__ __len__
        ByteArrayObject: __mod__ __mul__ __radd__ __reversed__ __rmul__ __setitem__ append capitalize center clear
        ByteArrayObject: copy count
        ByteArrayObject: decode endswith expandtabs extend find fromhex hex index insert isalnum isalpha isascii
        ByteArrayObject: isdigit
        ByteArrayObject: islower isspace istitle isupper join ljust lower lstrip maketrans partition pop remove
        ByteArrayObject: removeprefix removesuffix replace reverse rfind rindex rjust rpartition rsplit rstrip split
        ByteArrayObject: splitlines startswith strip swapcase title translate upper zfill
    """,
    "is the machinery inside of group_by, which is attacked itself; it works on an evaluation that was checked": """
        FastQuery: cells close database past
        FastQueryCache: __len__ clear put seed take
        GroupByBucket: copy rows states
        GroupByEval: run
    """,
    "leads to the layer below, the session, where nothing is checked: for code that may do all": """
        QueryObject: connection evaluate expression node
        MemoWeakProxy: refer
    """,
    "is a part of what `explain` gives, which is attacked itself": """
        Explanation: exact parts size text
    """,
})  # fmt: skip
"""For both kinds of protection."""

HARMLESS_FOR_MASKING = named({
    "a collection is had by reading the field that it is in, and its objects are asked for their own fields": """
        DictObject: __contains__ __copy__ __delitem__ __getitem__ __ior__ __iter__ __len__ __or__ __reversed__ __ror__
        DictObject: __setitem__ clear copy fromkeys get items keys pop popitem setdefault update
        ListObject: __add__ __copy__ __delitem__ __iadd__ __imul__ __iter__ __len__ __mul__ __radd__ __reversed__
        ListObject: __rmul__
        ListObject: __setitem__ append clear copy extend insert pop remove reverse
        SetObject: __and__ __contains__ __copy__ __iand__ __ior__ __isub__ __iter__ __ixor__ __len__ __or__
        SetObject: __rand__ __ror__
        SetObject: __rsub__ __rxor__ __sub__ __xor__ add clear copy difference difference_update discard intersection
        SetObject: intersection_update isdisjoint issubset issuperset pop remove symmetric_difference
        SetObject: symmetric_difference_update union update
        TupleObject: __add__ __contains__ __copy__ __getitem__ __iter__ __len__ __mul__ __radd__ __reversed__
        TupleObject: __rmul__ count
        TupleObject: index
        weak_set: __contains__ __iter__ __len__ add clear copy discard remove
    """,
    "tells of objects, not of their fields: whether one is there, and how many": """
        MemoMetaClass: get_instance_count instance_uuid
        Snapshot: exists
    """,
    "makes of a query what `find` and `find` in a snapshot make, which are attacked themselves": """
        JoinQuery: __bool__ __iter__ __len__
        ModIterable: __bool__ __iter__ __len__
        ModIterator: __iter__ __next__
        Snapshot: deserialize index_of
    """,
    "keeps what is stored under the same protection in another file; see the tests of copies": """
        copy_prefix
    """,
})  # fmt: skip
"""For protected fields alone."""

HARMLESS_FOR_FILTERING = named({
    "changes a collection, and gives nothing out of it": """
        DictObject: __delitem__ __ior__ __setitem__ clear fromkeys update
        IndexObject: add remove
        ListObject: __delitem__ __iadd__ __imul__ __setitem__ append clear extend insert remove reverse
        SetObject: __iand__ __ior__ __isub__ __ixor__ add clear difference_update discard intersection_update remove
        SetObject: symmetric_difference_update update
        weak_set: add clear discard remove
        weak_set
    """,
    "works on an object in hand, which has been given out or made by the caller": """
        as_tag assign atomic_assign delete get_address get_callables get_methods get_properties get_type
        materialized touch
        MemoMetaClass.get_methods
    """,
    "works on all objects of a prefix and gives none out": """
        copy_prefix rename_field
    """,
})  # fmt: skip
"""For data filtering alone."""
