"""What to group by, and what to work out for each group."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from perdure.kernel import durable
from perdure.model import EnumValue, is_enum
from perdure.query.expression import ClassTagged, Node
from perdure.query.functions import Signature, function_signature
from perdure.query.labels import Tag, shown
from perdure.query.splitting import group_nodes

__all__ = ["GroupDef", "Operation", "count_op", "is_builtin", "make_sum", "operations_of", "parse_groups"]

Operation = Callable[[Any, Any, Any], Any]
"""`op(state, removed_rows, added_rows)` gives the new state; `op(None, None, None)` the first one."""

_SUM = "_perdure_sum_"


@dataclass(frozen=True, slots=True)
class GroupDef:
    """One thing to group by: a function of the row, or tags. `group_by` makes them of what it is given.

    >>> perdure.GroupDef.of(["urgent", "later"])  # doctest: +SKIP
    """

    function: Callable[[Any], Any] | None = None
    """Gives the key of a row."""
    labels: tuple[Node, ...] = ()
    """Tags: an object belongs to the first one that it has, and to no group when it has none."""

    @classmethod
    def of(cls, value: Any) -> GroupDef:
        """The definition of a function, of an enum, or of an iterable of str and enum values.

        Raises `TypeError` or `ValueError` for anything else.
        """
        if isinstance(value, GroupDef):
            return value
        if is_enum(value):
            value = value.values()
        if _is_label(value) or isinstance(value, type | bytes | durable.Durable):
            raise TypeError(f"cannot group by {shown(value)}: put the tags to group by into a list")
        if callable(value):
            return cls(function=value)
        if not isinstance(value, Iterable):
            raise TypeError(f"cannot group by {shown(value)}: use a function of the row or a list of tags")
        labels = list(value)
        for label in labels:
            if not _is_label(label):
                raise ValueError(f"cannot group by {shown(label)} in a list of tags; for several things use a tuple")
        if not labels:
            raise ValueError("there are no tags to group by")
        return cls(labels=group_nodes(labels))

    def signature(self) -> Signature:
        """What tells this definition from others."""
        if self.function is not None:
            return function_signature(self.function)
        names = [node.identity if isinstance(node, ClassTagged) else node.key.hex() for node in self.labels]  # type: ignore[attr-defined]
        return Signature(" ".join(names), True)


def _is_label(value: object) -> bool:
    return isinstance(value, str | EnumValue | Tag)


def parse_groups(value: Any) -> tuple[list[GroupDef], bool]:
    """The definitions of what `group_by` was given, and whether keys are tuples."""
    if isinstance(value, tuple) and not (value and all(_is_label(one) for one in value)):
        if not value:
            raise ValueError("there is nothing to group by")
        for one in value:
            if _is_label(one):
                raise ValueError(f"cannot group by {shown(one)} in a tuple: put tags that belong together in a list")
        return [GroupDef.of(one) for one in value], True
    return [GroupDef.of(value)], False


def count_op(state: Any, removed_rows: Any, added_rows: Any) -> Any:
    """An operation of `group_by`: how many rows a group has."""
    if removed_rows is None:
        return 0
    return state - len(removed_rows) + len(added_rows)


def make_sum(function: Callable[[Any], Any], /) -> Operation:
    """An operation of `group_by`: the sum of what `function` gives for the rows of a group.

    Raises `TypeError` for what is no function.

    >>> group_by(lambda task: task.owner, find(Task), make_sum(lambda task: task.hours))  # doctest: +SKIP
    """
    if not callable(function):
        raise TypeError(f"make_sum takes a function of the row, not {shown(function)}")

    def sum_op(state: Any, removed_rows: Any, added_rows: Any) -> Any:
        if removed_rows is None:
            return 0
        for row in removed_rows:
            state -= function(row)
        for row in added_rows:
            state += function(row)
        return state

    setattr(sum_op, _SUM, True)
    return sum_op


def is_builtin(operation: Operation) -> bool:
    """Whether the states of an operation are values that hold no rows and are not changed in place."""
    return operation is count_op or hasattr(operation, _SUM)


def operations_of(ops: Any) -> tuple[Operation, ...]:
    """The operations that `group_by` was given: one, or several."""
    if callable(ops):
        return (ops,)
    if not isinstance(ops, Iterable) or isinstance(ops, str | bytes):
        raise TypeError(f"operations of group_by are functions, not {shown(ops)}")
    found = tuple(ops)
    if not found:
        raise ValueError("group_by needs at least one operation")
    for one in found:
        if not callable(one):
            raise TypeError(f"operations of group_by are functions, not {shown(one)}")
    return found
