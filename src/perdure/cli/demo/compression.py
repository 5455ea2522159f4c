"""The compressions in which apt may keep an index, each by the library that reads it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["SUFFIXES", "decompress", "plain_name"]

SUFFIXES = (".bz2", ".gz", ".lz4", ".lzma", ".xz", ".zst")


def plain_name(path: Path) -> str:
    """The name of an index without the suffix of its compression.

    >>> plain_name(Path("main_Packages.lz4"))
    'main_Packages'
    """
    return path.stem if path.suffix in SUFFIXES else path.name


def decompress(path: Path, file: BinaryIO) -> BinaryIO:
    """A reader of the plain bytes of `file`, by the suffix of `path`; any other suffix is read as it is.

    The readers meet damage with errors of their own kinds, some of them bare Exceptions. The libraries are
    imported when a file asks for them: a Python may be built without one of them.
    """
    match path.suffix:
        case ".bz2":
            import bz2

            return cast(BinaryIO, bz2.BZ2File(file))
        case ".gz":
            import gzip

            return cast(BinaryIO, gzip.GzipFile(fileobj=file))
        case ".lz4":
            import lz4.frame

            return cast(BinaryIO, lz4.frame.LZ4FrameFile(file))
        case ".lzma" | ".xz":
            import lzma

            return cast(BinaryIO, lzma.LZMAFile(file))
        case ".zst":
            return _open_zstd(file)
    return file


def _open_zstd(file: BinaryIO) -> BinaryIO:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return cast(BinaryIO, zstd.ZstdFile(file))
