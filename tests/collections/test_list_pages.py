"""Which pages of a large list are loaded."""

from __future__ import annotations

from perdure.collections import List
from perdure.session import Connection, get_root, set_root

from .things import Thing, reopen


def test_elements_at_random_do_not_load_the_pages_beside_them(connection: Connection) -> None:
    set_root(connection, "list", List([Thing(number) for number in range(5000)]))
    connection.commit()
    connection = reopen(connection)
    items = get_root(connection, "list")
    for number in range(0, 5000, 100):
        assert items[number].number == number and items[number - 5000] is items[number]
    assert len(connection.objects) < 200
    again = connection.database.connect()
    changed = get_root(again, "list")
    changed[100] = changed[4900]
    del changed[4000]
    again.commit()
    connection.refresh()
    assert [items[number].number for number in (99, 100, 101, 4000, 4900)] == [99, 4900, 101, 4001, 4901]


def test_a_page_that_is_used_a_lot_is_loaded(connection: Connection) -> None:
    mixed = [Thing(number) if number % 3 else number for number in range(2000)]
    set_root(connection, "list", List(mixed))
    connection.commit()
    items = get_root(reopen(connection), "list")
    for turn in range(3):
        for number in range(turn, 2000, 3):
            found = items[number]
            assert found == number if number % 3 == 0 else found.number == number
