"""Runs a function on many items in forked processes, so that one that dies of a signal is a finding and no end."""

from __future__ import annotations

import os
import pickle
import struct
import traceback
from collections.abc import Callable, Iterator
from selectors import EVENT_READ, DefaultSelector
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_SIZE = struct.Struct("<I")


def run_apart(function: Callable[[_Item], Any], items: list[_Item], processes: int = 2) -> Iterator[tuple[_Item, Any]]:
    """Each item with the result of the function, in any order; where the process died, an `OSError` tells how."""
    with DefaultSelector() as selector:
        for part in range(processes):
            _start(selector, function, items[part::processes])
        while selector.get_map():
            for key, _ in selector.select():
                process, rest = key.data
                result = _receive(key.fd)
                if result is not None:
                    yield rest.pop(0), result[0]
                    continue
                selector.unregister(key.fd)
                os.close(key.fd)
                status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                if rest:
                    yield rest[0], OSError(f"the process ended with status {status}")
                    _start(selector, function, rest[1:])


def _start(selector: DefaultSelector, function: Callable[[_Item], Any], items: list[_Item]) -> None:
    if not items:
        return
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            for item in items:
                data = pickle.dumps((function(item),))
                _send(writing, _SIZE.pack(len(data)) + data)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    selector.register(reading, EVENT_READ, (process, list(items)))


def _send(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _receive(descriptor: int) -> tuple[Any] | None:
    head = _read(descriptor, _SIZE.size)
    if head is None:
        return None
    data = _read(descriptor, _SIZE.unpack(head)[0])
    found: tuple[Any] | None = None if data is None else pickle.loads(data)
    return found


def _read(descriptor: int, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            return None
        data += part
    return data
