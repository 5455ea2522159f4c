"""The data all systems store: the same fields, tags, keys and answers for object number `i`."""

DURABLE_COMMITS = 200
THREADS = 8


def name(number: int) -> str:
    """Text field of an object."""
    return f"object {number}"


def score(number: int) -> float:
    """Float field of an object."""
    return number * 0.5


Fields = tuple[int, str, float]


def fields(size: int) -> list[Fields]:
    """The fields of all objects, made before the clock starts."""
    return [(number, name(number), score(number)) for number in range(size)]


def tags(number: int) -> tuple[str, str, str]:
    """Three tags: one of 2, one of 10 and one of 100, each independent of the others."""
    return f"side {number % 2}", f"group {number // 2 % 10}", f"batch {number // 20 % 100}"


QUERY_TAGS = ("side 1", "group 4")


def tagged(size: int) -> list[int]:
    """Numbers of the objects that have both query tags."""
    return [number for number in range(size) if number % 2 == 1 and number // 2 % 10 == 4]


def key(number: int) -> str:
    """Dictionary key."""
    return f"key {number}"


def span(size: int) -> tuple[int, int]:
    """A tenth of the numbers, from the middle, both ends included."""
    return size // 2, size // 2 + size // 10 - 1
