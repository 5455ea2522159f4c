"""A reader that follows the writer of a tenant, in whatever process that is."""

from __future__ import annotations

from collections.abc import Iterator

import perdure as db0

from .store import Document, prefix_of

WAIT_MILLISECONDS = 500


def news(tenant: str, since: int | None = None) -> Iterator[str]:
    """What happens to a tenant's documents, from its state `since` on (by default, from now on); without end.

    Each commit is told once and whole, also those that were made while nobody looked.
    """
    prefix = prefix_of(tenant)
    state = db0.get_state_num(prefix, finalized=True) if since is None else since
    while True:
        if not db0.wait(prefix, state + 1, WAIT_MILLISECONDS):
            continue
        with db0.SnapshotWindow(state, prefix=prefix) as (pre, last):
            documents = db0.find(Document, prefix=prefix)
            for new in db0.select_new(documents, pre, last):
                yield f"new: {new.name}"
            for _, new in db0.select_modified(documents, pre, last):
                yield f"changed: {new.name}, version {new.newest.number}"
            for old in db0.select_deleted(documents, pre, last):
                yield f"gone: {old.name}"
            state = last.get_state_num(prefix)
