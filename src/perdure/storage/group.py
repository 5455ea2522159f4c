"""Group commit: threads that write at the same time share one engine transaction and its one sync.

Whoever gets the lead writes all that wait; each work succeeds or fails by itself.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Protocol

from perdure.engine import Engine, RetryTransaction
from perdure.errors import StorageError

from .prepared import PromiseReader
from .reader import Reader
from .trimming import Trimmer
from .writing import Writer

__all__ = ["Group", "Work"]


class Work(Protocol):
    """Something to do inside an engine write transaction."""

    def run(self, writer: Writer) -> Any:
        """Check, then write; an exception must come before the first write. It may be run again."""


class _Request:
    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False

    def fail(self, error: BaseException) -> None:
        """It came to nothing."""
        self.error = error.__cause__ if isinstance(error, _HalfWritten) else error
        self.done = True


class _HalfWritten(Exception):
    """A work broke off between its writes; the cause tells why."""


class Group:
    """The queue of one storage's writers."""

    def __init__(self, engine: Engine, reader: Reader, trimmer: Trimmer | None = None) -> None:
        self._engine = engine
        self._reader = reader
        self._trimmer = trimmer
        self._promises = PromiseReader()
        self.wrote = False
        self._waiting: deque[_Request] = deque()
        self._lead = threading.Lock()

    def run(self, work: Work) -> Any:
        """The result of `work`, durable; its error if it failed."""
        request = _Request(work)
        self._waiting.append(request)
        with self._lead:
            if not request.done:
                try:
                    self._serve()
                except BaseException:
                    if request in self._waiting:
                        self._waiting.remove(request)
                    raise
        if request.error is not None:
            raise request.error
        return request.result

    def _serve(self) -> None:
        requests = []
        while self._waiting:
            requests.append(self._waiting.popleft())
        try:
            self._attempt(requests)
        except (StorageError, _HalfWritten) as error:
            if len(requests) == 1:
                requests[0].fail(error)
                return
            # One of them may be too large for the space that is left; the others need not suffer for it.
            for request in requests:
                self._alone(request)
        finally:
            self._waiting.extendleft(request for request in reversed(requests) if not request.done)

    def _alone(self, request: _Request) -> None:
        try:
            self._attempt([request])
        except (StorageError, _HalfWritten) as error:
            request.fail(error)

    def _attempt(self, requests: list[_Request]) -> None:
        while True:
            transaction = self._engine.begin(write=True)
            try:
                writer = Writer(transaction, self._promises, self._trimmer is not None)
                head = writer.head.state
                for request in requests:
                    self._one(request, writer)
                if self._trimmer is not None:
                    self._trimmer.run(transaction, head)
                self._reader.relax()
                transaction.commit()
                break
            except RetryTransaction:
                continue
            finally:
                transaction.abort()
        for request in requests:
            request.done = True
        self.wrote = True
        if self._trimmer is not None:
            self._trimmer.note(writer.written)

    def _one(self, request: _Request, writer: Writer) -> None:
        request.error = None
        try:
            request.result = request.work.run(writer)
        except (StorageError, RetryTransaction):
            raise
        except Exception as error:
            if writer.unfinished:
                raise _HalfWritten from error
            request.error = error
