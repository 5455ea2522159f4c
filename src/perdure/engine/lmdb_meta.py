"""The two meta pages of an LMDB file that is open, read in memory.

LMDB's own calls let other threads run in between, which for so small a question costs more than the answer.
"""

from __future__ import annotations

import mmap
import os
import struct

__all__ = ["MAGIC", "MetaPages"]

MAGIC = struct.pack("=I", 0xBEEFC0DE)
_PAGE_SIZE = 24  # where the numbers lie, after the magic
_LAST_PAGE = 120
_numbers = struct.Struct("=QQ")


class MetaPages:
    """The meta pages of the file at `path`, as they are at each moment.

    ```
    MetaPages("/tmp/example.db").newest()
    ```
    """

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = os.pread(descriptor, 64, 0)
            start = head.index(MAGIC)
            self.page_bytes: int = struct.unpack_from("=I", head, start + _PAGE_SIZE)[0]
            self._map = mmap.mmap(descriptor, 2 * self.page_bytes, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self._first = start + _LAST_PAGE
        self._second = self._first + self.page_bytes

    def newest(self) -> tuple[int, int]:
        """The last transaction and the last page in use.

        It may not be durable yet: its writer is just then on the way out of its commit.
        """
        last_page, transaction = _numbers.unpack_from(self._map, self._first)
        other_page, other = _numbers.unpack_from(self._map, self._second)
        return (transaction, last_page) if transaction > other else (other, other_page)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
