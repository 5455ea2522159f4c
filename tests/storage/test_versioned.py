"""Views and checks while another writer packs history just then."""

from __future__ import annotations

import pytest

from perdure.errors import StateUnavailableError
from perdure.storage import Batch, open_storage
from perdure.storage.spaces import RECORDS


@pytest.fixture
def storage(tmp_path):
    with open_storage(tmp_path / "storage.db") as storage:
        for state in range(6):
            storage.commit(Batch(state, {RECORDS: {b"\x01": b"%d" % state}}))
        yield storage


@pytest.fixture
def packs_first(storage, monkeypatch):
    """Another storage of the file packs all history right before the next view gets its place."""
    pins, add = storage._pins, storage._pins.add
    with open_storage(storage.engine.path) as other:

        def pack_and_add(state):
            monkeypatch.setattr(pins, "add", add)
            other.pack(other.last_state)
            return add(state)

        monkeypatch.setattr(pins, "add", pack_and_add)
        yield


def test_a_check_begins_again_when_history_is_packed_in_its_first_moment(storage, packs_first):
    assert list(storage.verify()) == []
    assert storage.packed == 6


def test_a_view_of_a_state_that_is_packed_in_that_moment_is_refused_and_the_newest_one_is_not(storage, packs_first):
    with pytest.raises(StateUnavailableError, match="states 6 to 6 are"):
        storage.view(3)
    with storage.view(6) as view:
        assert view.get(RECORDS, b"\x01") == b"5"


def test_what_is_known_of_packing_is_as_new_as_the_file(storage):
    assert storage.packed == 0
    with open_storage(storage.engine.path) as other:
        other.pack(4)
        assert storage.packed == 4
        with pytest.raises(StateUnavailableError):
            storage.view(3)
        other.pack(6)
        assert storage.packed == 6 == other.packed
