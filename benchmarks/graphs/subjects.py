"""Three graphs, made of classes that are given: the same code makes immutable and mutable ones."""

from collections.abc import Callable
from typing import Any, Protocol


class Kinds(Protocol):
    """The classes that a graph is made of."""

    Event: Any
    Actor: Any
    Address: Any
    Context: Any
    Change: Any
    Invoice: Any
    Party: Any
    Line: Any
    Money: Any
    Document: Any
    Element: Any
    Text: Any


FIELDS = {
    "Event": ("number", "action", "actor", "context", "changes", "tags"),
    "Actor": ("name", "email", "roles"),
    "Address": ("street", "city", "code", "country"),
    "Context": ("ip", "agent", "session", "headers", "place"),
    "Change": ("field", "old", "new"),
    "Invoice": ("number", "seller", "buyer", "lines", "total", "notes"),
    "Party": ("name", "tax_id", "addresses"),
    "Line": ("position", "article", "quantity", "price", "net", "attributes"),
    "Money": ("amount", "currency"),
    "Document": ("title", "body", "metadata"),
    "Element": ("kind", "attributes", "children"),
    "Text": ("text", "start", "end"),
}


def event(kinds: Any, number: int) -> Any:
    """An audit event with nested context: 9 objects, 9 containers."""
    place = kinds.Address(f"{number} Main Street", "Springfield", "12345", "US")
    headers = {"accept": "text/html", "host": "example.org", "trace": f"trace-{number}"}
    context = kinds.Context("192.0.2.1", "Mozilla/5.0", f"session-{number}", headers, place)
    changes = [kinds.Change(f"field {index}", [index, number], {"value": number}) for index in range(4)]
    actor = kinds.Actor(f"user {number % 50}", f"user{number % 50}@example.org", ["admin", "audit"])
    return kinds.Event(number, "update", actor, context, changes, ("security", "write"))


def invoice(kinds: Any, number: int) -> Any:
    """An invoice with lines and addresses: 34 objects, 13 containers."""

    def party(name: str) -> Any:
        addresses = [kinds.Address(f"{index} High Street", "Leeds", "LS1", "GB") for index in range(2)]
        return kinds.Party(name, f"GB{number:09d}", addresses)

    def line(index: int) -> Any:
        price = kinds.Money(1.25 * index + number, "GBP")
        attributes = {"colour": "red", "batch": index}
        return kinds.Line(index, f"article {index}", index + 1, price, kinds.Money(2.5 * index, "GBP"), attributes)

    lines = [line(index) for index in range(9)]
    return kinds.Invoice(number, party("seller"), party("buyer"), lines, kinds.Money(99.5, "GBP"), ["net 30 days"])


def document(kinds: Any, number: int) -> Any:
    """A parsed document tree: 58 objects, 41 containers."""

    def paragraph(index: int) -> Any:
        texts = [kinds.Text(f"Sentence {index}.{part} of {number}.", part * 20, part * 20 + 19) for part in range(3)]
        strong = kinds.Element("strong", {}, [texts[2]])
        return kinds.Element("p", {"id": f"p{index}"}, [texts[0], texts[1], strong])

    def section(index: int) -> Any:
        title = kinds.Element("h2", {"level": 2}, [kinds.Text(f"Section {index}", 0, 9)])
        return kinds.Element("section", {"number": index}, [title, *map(paragraph, range(3))])

    body = kinds.Element("body", {"lang": "en"}, [section(index) for index in range(3)])
    return kinds.Document(f"Document {number}", body, {"author": "A. Nonymous", "pages": [1, 2, 3]})


GRAPHS: dict[str, Callable[[Any, int], Any]] = {"event": event, "invoice": invoice, "document": document}


SCALARS = frozenset({str, int, float})


def read_whole(value: Any) -> int:
    """Visit every field of every object and every element of every container; how many values there are."""
    kind = type(value)
    if kind in SCALARS:
        return 1
    count = 1
    fields = FIELDS.get(kind.__name__)
    if fields is not None:
        for name in fields:
            count += read_whole(getattr(value, name))
    elif hasattr(value, "items"):
        for _, item in value.items():
            count += read_whole(item)
    else:
        for item in value:
            count += read_whole(item)
    return count
