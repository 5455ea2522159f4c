"""Builds the compiled kernel; everything else is declared in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = sorted(Path("src/perdure/kernel").glob("*.pyx"))
SANITIZE = ["-fsanitize=address", "-fno-omit-frame-pointer", "-g"] if os.environ.get("PERDURE_ASAN") else []

extensions = [
    Extension(
        f"perdure.kernel.{path.stem}",
        [str(path)],
        extra_compile_args=["-O1" if SANITIZE else "-O3", *SANITIZE],
        extra_link_args=SANITIZE,
    )
    for path in SOURCES
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=["src"],
        compiler_directives={"language_level": "3", "embedsignature": True, "binding": True},
    )
)
