"""What a context may see: bindings of context variables to prefixes."""

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

__all__ = [
    "DEBUG",
    "FILTERS",
    "MASKS",
    "RELEASE",
    "UNSET",
    "Binding",
    "Bindings",
    "clear_bindings",
    "name_prefix",
    "prefix_names",
    "read_binding",
]
