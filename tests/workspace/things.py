"""Classes that several processes share."""

import perdure as db0

__all__ = ["Frozen", "Late", "Node", "Quiet", "Root"]


@db0.memo
class Node:
    def __init__(self, name: object = None, **fields: object) -> None:
        self.name = name
        for field_name, value in fields.items():
            setattr(self, field_name, value)


@db0.memo(singleton=True)
class Root:
    def __init__(self, value: object = None) -> None:
        self.value = value


@db0.memo
class Late:
    """Made by tests of a class that nobody has met before."""

    def __init__(self, name: object) -> None:
        self.name = name


@db0.memo(immutable=True)
class Frozen:
    """Written once."""

    def __init__(self, name: object) -> None:
        self.name = name


@db0.memo(no_default_tags=True)
class Quiet:
    """Has its type tag only while it has other tags."""

    def __init__(self, name: object) -> None:
        self.name = name
