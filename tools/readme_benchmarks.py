"""Puts the tables of benchmarks/results/latest.md into README.md: `python tools/readme_benchmarks.py`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results" / "latest.md"
BEGIN = "<!-- benchmarks: written by tools/readme_benchmarks.py -->"
END = "<!-- end of benchmarks -->"
_NOTHING = "This checkout has no recorded comparison; `make bench` makes one and fills this place.\n"


def tables(results: Path = RESULTS) -> str:
    """What belongs between the marks: the newest results without their title."""
    if not results.exists():
        return _NOTHING
    return results.read_text().split("\n", 1)[1].strip() + "\n"


def filled(page: str, content: str) -> str:
    """The page with `content` between the marks. Raises `ValueError` when the marks are not there once each."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended or BEGIN in after or END in after:
        raise ValueError(f"the page needs one {BEGIN} and one {END} after it")
    return f"{before}{BEGIN}\n\n{content}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text(), tables()))
