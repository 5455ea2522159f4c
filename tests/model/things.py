"""Classes that the tests of the model store: importable, so that another process finds them too."""

import enum
from dataclasses import dataclass, field

import perdure as db0


@db0.memo
class Thing:
    kind = "thing"

    def __init__(self, name: object = None, **fields: object) -> None:
        self.name = name
        for field_name, value in fields.items():
            setattr(self, field_name, value)

    def shout(self) -> str:
        return f"{self.name}!"


@db0.memo
class Child(Thing):
    def __init__(self, name: object = None) -> None:
        super().__init__(name)
        self.grown = False


class Plain:
    def greet(self) -> str:
        return f"hello {self.name}"  # type: ignore[attr-defined]


@db0.memo
class Mixed(Plain, Thing):
    pass


@db0.memo(singleton=True)
class Root:
    def __init__(self, value: object = None) -> None:
        self.value = value


@db0.memo(singleton=True)
class Strict:
    def __init__(self, value: object) -> None:
        self.value = value


@db0.memo(prefix="elsewhere")
class Scoped:
    def __init__(self, name: object = None) -> None:
        self.name = name


@db0.memo(singleton=True, prefix="elsewhere")
class ScopedRoot:
    def __init__(self, value: object = None) -> None:
        self.value = value


@db0.memo
class Placed:
    def __init__(self, name: object, prefix: str | None = None) -> None:
        db0.set_prefix(self, prefix)
        self.name = name


@db0.memo(singleton=True)
class PlacedRoot:
    def __init__(self, value: object, prefix: str | None = "placed") -> None:
        db0.set_prefix(self, prefix)
        self.value = value


@db0.memo
@dataclass
class Point:
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)


@db0.memo
class Empty:
    pass


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Number(enum.IntEnum):
    ONE = 1


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


Color = db0.enum("Color", ["RED", "GREEN", "BLUE"])


def helper(value: int) -> int:
    return value + 1


class Tools:
    class Inner:
        pass

    @staticmethod
    def static() -> str:
        return "static"

    def method(self) -> None:
        pass

    @classmethod
    def build(cls) -> None:
        pass
