"""Group commit: threads that write at the same time share one engine transaction and its one sync.

Whoever comes first leads: its thread writes all that wait, wakes them one by one, and gives the lead to the next
that came meanwhile. Each work succeeds or fails by itself.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Protocol

from perdure.engine import Engine, RetryTransaction
from perdure.errors import StorageError

from .prepared import PromiseReader
from .reader import Reader
from .recent import Recent
from .trimming import Trimmer
from .writing import Writer

__all__ = ["Group", "Work"]


_GATHER_SECONDS = 150e-6


class Work(Protocol):
    """Something to do inside an engine write transaction."""

    def run(self, writer: Writer) -> Any:
        """Check, then write; an exception must come before the first write. It may be run again."""


class _Request:
    __slots__ = ("done", "error", "leads", "result", "turn", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        self.turn: Any = None
        """A lock that is released when the work is done, or its thread has the lead; None in the lead."""

    def fail(self, error: BaseException) -> None:
        """It came to nothing."""
        self.error = error.__cause__ if isinstance(error, _HalfWritten) else error
        self.done = True


class _HalfWritten(Exception):
    """A work broke off between its writes; the cause tells why."""


class Group:
    """The queue of one storage's writers.

    `recent` is what its last commits changed, `wrote` whether it committed anything.
    """

    def __init__(self, engine: Engine, reader: Reader, trimmer: Trimmer | None = None) -> None:
        self._engine = engine
        self._reader = reader
        self._trimmer = trimmer
        self._promises = PromiseReader()
        self.recent = Recent()
        self.wrote = False
        self._waiting: deque[_Request] = deque()
        self._led = False
        self._mutex = threading.Lock()  # held for moments only
        self._company = 1
        """How many committed in the last group or waited when it ended: so many may be on their way."""
        self._gathered: Any = None
        """A lock that the one who completes the company releases; None while nobody waits for that."""

    def run(self, work: Work) -> Any:
        """The result of `work`, durable; its error if it failed."""
        request = _Request(work)
        with self._mutex:
            self._waiting.append(request)
            if self._gathered is not None and len(self._waiting) >= self._company:
                self._gathered.release()
                self._gathered = None
            if not self._led:
                self._led = request.leads = True
            else:
                request.turn = threading.Lock()
                request.turn.acquire()
        if not request.leads:
            self._wait(request)
        if request.leads:
            self._lead(request)
        if request.error is not None:
            raise request.error
        return request.result

    def _wait(self, request: _Request) -> None:
        """Sleep until the work is done or its thread has the lead."""
        try:
            request.turn.acquire()
        except BaseException:  # interrupted
            with self._mutex:
                if request in self._waiting:
                    self._waiting.remove(request)
            if request.leads:
                self._pass_on()
            raise

    def _lead(self, request: _Request) -> None:
        try:
            self._gather()
            self._serve()
        except BaseException:
            with self._mutex:
                if request in self._waiting:
                    self._waiting.remove(request)
            raise
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the lead to the next that waits."""
        with self._mutex:
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()
            else:
                self._led = False

    def _gather(self) -> None:
        """Give those who committed just now a moment to come with their next work; alone, wait for nobody."""
        with self._mutex:
            if len(self._waiting) >= self._company:
                return
            gathered = self._gathered = threading.Lock()
            gathered.acquire()
        gathered.acquire(timeout=_GATHER_SECONDS)
        with self._mutex:
            self._gathered = None

    def _serve(self) -> None:
        with self._mutex:
            requests = list(self._waiting)
            self._waiting.clear()
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
            with self._mutex:
                self._waiting.extendleft(request for request in reversed(requests) if not request.done)
                self._company = len(requests) + len(self._waiting)
            for request in requests:
                if request.done and not request.leads:
                    request.turn.release()

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
        if writer.entries:
            self.recent.add(writer.entries)
            self._reader.learn(transaction.moment, writer.head.state)
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
