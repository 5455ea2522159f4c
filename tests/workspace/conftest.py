import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .loops import LOOPS
from .things import Node, Root

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """A test that fails leaves nothing open."""
    yield
    db0.close()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An initialized workspace on an empty directory, without an open prefix and without autocommit."""
    db0.init(tmp_path / "data", autocommit=False)
    yield tmp_path / "data"
    db0.close()


@pytest.fixture
def main(root: Path) -> Path:
    """The same with the prefix `main` open for writing."""
    db0.open("main")
    return root


def reopen(root: Path, *prefixes: str) -> None:
    """Close everything and open the prefixes again, the last one as the current."""
    db0.close()
    db0.init(root, autocommit=False)
    for prefix in prefixes or ("main",):
        db0.open(prefix)


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until `condition` is true; its value."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
    return found


class Process:
    """Another Python process that runs a script; `tell` and `hear` exchange lines with it."""

    def __init__(self, script: str, *arguments: object) -> None:
        head = "import sys, perdure as db0\nfrom tests.workspace.things import *\n"
        foot = "\ndef say(*words): print(*words, flush=True)\ndef hear(): return input()\n"
        self._process = subprocess.Popen(
            [sys.executable, "-c", head + foot + textwrap.dedent(script), *map(str, arguments)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        """Give the process a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The next line that the process says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended without saying anything more"
        return line.rstrip("\n")

    def ask(self, line: str) -> str:
        """Tell, then hear."""
        self.tell(line)
        return self.hear()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Close its input and wait for its end; the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(PATIENCE_SECONDS)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts processes, which are ended with the test."""
    started: list[Process] = []

    def run(script: str, *arguments: object) -> Process:
        started.append(Process(script, *arguments))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        for stream in (process._process.stdin, process._process.stdout):
            assert stream is not None
            stream.close()


# -- several writers ---------------------------------------------------------------------------------------

OTHER = """
    db0.init(sys.argv[1], shared=True)
    db0.open('main')
    kept = Root()
    say('open')
    while True:
        try:
            line = hear()
        except EOFError:
            break
        try:
            exec(line)
            say('done')
        except Exception as error:
            say(type(error).__name__, str(error).replace('\\n', ' '))
    db0.close()
"""


@pytest.fixture
def shared(root: Path) -> Any:
    """The root object of a prefix opened shared."""
    db0.open("main", shared=True)
    kept: Any = Root(0)
    kept.table = {}
    kept.big = {number: number for number in range(2000)}
    kept.items = []
    kept.nodes = [Node(number) for number in range(4)]
    kept.index = db0.index()
    db0.commit()
    return kept


@pytest.fixture
def other(root: Path, shared: Any, start: Callable[..., Process]) -> Callable[..., str]:
    """Runs statements in a second process that has the prefix open shared; gives `done` or the error."""
    process = start(OTHER, root)
    assert process.hear() == "open"

    def run(*lines: str) -> str:
        answer = "done"
        for line in lines:
            answer = process.ask(line)
        return answer

    return run


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.__module__.partition(".")[0])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine to its end, in each kind of event loop."""

    def in_loop(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return in_loop
