# cython: language_level=3, boundscheck=False, wraparound=False
"""A recursive lock that costs a few comparisons as long as threads do not meet at it.

Who holds it is written down under the interpreter's lock, without a lock of the system. Only a thread that has to
wait takes one: first on behalf of the holder, who lets go of it at the end, then to wait for that.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport (
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_get_thread_ident,
    PyThread_release_lock,
    PyThread_type_lock,
)

from time import monotonic

cdef extern from "pythread.h" nogil:
    int PY_LOCK_ACQUIRED
    int PY_LOCK_INTR
    int PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)

cdef extern from "unistd.h" nogil:
    int usleep(unsigned int microseconds)

cdef enum:
    _FOREVER = -1
    _MICROSECONDS = 1_000_000
    _PAUSE = 50  # microseconds
    _PAUSES = 1000

cdef double _LONGEST = 1e9  # seconds; keeps microseconds in their range


cdef class RecursiveLock:
    """What `threading.RLock` is, also for a `threading.Condition`.

    The system's lock is taken while `_taken` is true, or by a waiting thread that has not yet run again.
    """

    def __cinit__(self):
        self._real = PyThread_allocate_lock()
        if self._real == NULL:
            raise MemoryError()

    def __dealloc__(self):
        if self._real != NULL:
            if self._taken:
                PyThread_release_lock(self._real)
            PyThread_free_lock(self._real)

    cdef bint take(self) except -1:
        cdef unsigned long thread = PyThread_get_thread_ident()
        if self._count:
            if self._owner == thread:
                self._count += 1
                return True
        elif not self._waiting:
            self._owner = thread
            self._count = 1
            return True
        return self._wait(thread, _FOREVER)

    cdef bint _wait(self, unsigned long thread, double seconds) except -1:
        """Take the system's lock; `seconds` is how long to wait for it, or `_FOREVER`."""
        cdef int status
        cdef double deadline = 0
        cdef long long microseconds = _FOREVER
        if self._count and not self._taken:
            PyThread_acquire_lock_timed(self._real, 0, 0)  # free: neither the holder nor a waiting thread has it
            self._taken = True
        if seconds >= 0:
            deadline = monotonic() + seconds
            microseconds = <long long>(seconds * _MICROSECONDS)
        self._waiting += 1
        try:
            while True:
                with nogil:
                    status = PyThread_acquire_lock_timed(self._real, microseconds, 1)
                if status != PY_LOCK_INTR:
                    break
                PyErr_CheckSignals()
                if seconds >= 0:
                    microseconds = max(0, <long long>((deadline - monotonic()) * _MICROSECONDS))
        finally:
            self._waiting -= 1
        if status != PY_LOCK_ACQUIRED:
            return False
        self._taken = True
        self._owner = thread
        self._count = 1
        self._waited += 1
        return True

    cdef int give(self) except -1:
        if not self._count or self._owner != PyThread_get_thread_ident():
            raise RuntimeError("cannot release a lock that this thread does not hold")
        self._count -= 1
        if not self._count and self._taken:
            self._taken = False
            PyThread_release_lock(self._real)
        return 0

    def acquire(self, bint blocking=True, double timeout=-1):
        """Take the lock; whether that was possible at once, or within `timeout` seconds (-1: waits for ever)."""
        cdef unsigned long thread = PyThread_get_thread_ident()
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if self._count == 0 and self._waiting == 0 or self._count and self._owner == thread:
            return self.take()
        if not blocking:
            return False if self._count else self._wait(thread, 0)
        return self._wait(thread, min(timeout, _LONGEST))

    def release(self):
        """Let go of the lock as often as it was taken. Raises `RuntimeError` when this thread does not hold it."""
        self.give()

    def hand_over(self):
        """`release`, after which those who wait for the lock have it, one by one, before this thread can take it again.

        For who has held it for long. Without this, the thread that let go of it is nearly always the first to be back.
        """
        cdef Py_ssize_t waited = self._waited + self._waiting
        cdef int pauses = 0
        self.give()
        if self._count:
            return
        while self._waiting and self._waited < waited and pauses < _PAUSES:
            with nogil:
                usleep(_PAUSE)
            pauses += 1

    def __enter__(self):
        return self.take()

    def __exit__(self, kind, error, traceback):
        self.give()

    def __repr__(self):
        return f"<RecursiveLock held {self._count} times by {self._owner}>" if self._count else "<RecursiveLock>"

    # What threading.Condition asks of a recursive lock.

    def _is_owned(self):
        return self._count > 0 and self._owner == PyThread_get_thread_ident()

    def _release_save(self):
        if not self._is_owned():
            raise RuntimeError("cannot release a lock that this thread does not hold")
        cdef Py_ssize_t count = self._count
        self._count = 1
        self.give()
        return count

    def _acquire_restore(self, Py_ssize_t count):
        self.take()
        self._count = count

    def _at_fork_reinit(self):
        """In a forked child: nobody holds the lock. What the parent's threads made of it is left behind."""
        cdef PyThread_type_lock real = PyThread_allocate_lock()
        if real == NULL:
            raise MemoryError()
        self._real = real
        self._count = self._waiting = 0
        self._taken = False
