"""Runs the Python code of a page: `python run_page.py PAGE`.

The ```python blocks run in order, in one namespace. A block with `>>>` is a session whose output must be as shown
(as in `doctest`, with `...` for what differs); other blocks just run. Ends with 1, and says where, when something
differs.
"""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def blocks_of(text: str) -> list[tuple[int, str]]:
    """First line and content of each ```python block."""
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in _BLOCK.finditer(text)]


def run_block(name: str, line: int, code: str, namespace: dict[str, Any]) -> None:
    """Run one block; raises `AssertionError` when a session shows something else."""
    if ">>> " not in code:
        exec(compile("\n" * line + code, name, "exec"), namespace)
        return
    session = doctest.DocTestParser().get_doctest(code, namespace, name, name, line)
    session.globs = namespace
    runner = doctest.DocTestRunner(optionflags=_OPTIONS, verbose=False)
    found: list[str] = []
    runner.run(session, out=found.append, clear_globs=False)
    assert not runner.failures, "".join(found)


def run_page(page: Path) -> None:
    """Run all blocks of a page as the main module of this process."""
    namespace = vars(sys.modules["__main__"])
    for line, code in blocks_of(page.read_text()):
        run_block(page.name, line, code, namespace)


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
