"""What a context may see: bindings of context variables to prefixes, and who may see which objects."""

from perdure.security.bindings import (
    DEBUG,
    FILTERS,
    MASKS,
    RELEASE,
    UNSET,
    Binding,
    Bindings,
    clear_bindings,
    name_prefix,
    prefix_names,
    read_binding,
)
from perdure.security.filtering import (
    Judge,
    check_given,
    context_value,
    is_visible,
    predicate_for,
    seen_through,
    set_judge,
    visible_ids,
)

__all__ = [
    "DEBUG",
    "FILTERS",
    "MASKS",
    "RELEASE",
    "UNSET",
    "Binding",
    "Bindings",
    "Judge",
    "check_given",
    "clear_bindings",
    "context_value",
    "is_visible",
    "name_prefix",
    "predicate_for",
    "prefix_names",
    "read_binding",
    "seen_through",
    "set_judge",
    "visible_ids",
]
