"""`taggify`: tags from the words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["taggify"]

_BETWEEN = re.compile(r"""[\s.,;:\-!?"']+""")
_PLAIN = str.maketrans("ĄĆĘŁŃÓŚŻŹ", "ACELNOSZZ")


def taggify(text: str, max_len: int | None = 3, min_len: int = 1, suffix: bool = False) -> Iterator[str]:
    """Tags for the words of a text, to find objects by how their words begin: each once, in order.

    Words are what stands between white space and punctuation, without signs that are neither letters nor digits;
    those shorter than `min_len` are left out. A tag is the first `max_len` characters of a word, with `suffix` the
    last ones, with `max_len=None` the whole word, in upper case and with Polish letters as their base letters.

    >>> list(perdure.taggify("Maria Skłodowska-Curie"))
    ['MAR', 'SKL', 'CUR']
    """
    seen: set[str] = set()
    for part in _BETWEEN.split(text):
        word = "".join(filter(str.isalnum, part))
        if not word or len(word) < min_len:
            continue
        if max_len is not None:
            word = word[-max_len or len(word) :] if suffix else word[:max_len]
        tag = word.upper().translate(_PLAIN)
        if tag and tag not in seen:
            seen.add(tag)
            yield tag
