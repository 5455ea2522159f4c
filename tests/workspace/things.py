"""Classes that several processes share."""

import perdure as db0

__all__ = ["Node", "Root"]


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
