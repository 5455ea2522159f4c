"""Sphinx: the pages of this directory, and the reference from the docstrings."""

from importlib.metadata import version as installed

project = "perdure"
version = release = installed("perdure")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"perdure {version}"

default_role = "literal"  # docstrings write names in single backquotes, as Markdown does
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True


def as_rst(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Docstrings are Markdown in one thing: examples between fences."""
    inside = False
    for index, line in enumerate(lines):
        if line.strip().startswith("```"):
            inside = not inside
            lines[index] = "::\n" if inside else ""
        elif inside:
            lines[index] = "    " + line
    lines[:] = "\n".join(lines).split("\n")


def setup(app: object) -> None:
    """What Sphinx calls."""
    app.connect("autodoc-process-docstring", as_rst)  # type: ignore[attr-defined]
