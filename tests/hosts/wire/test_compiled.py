"""Finding the compiled part: beside the package, absent, of another version, or no library at all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nepi.hosts.wire import VERSION, compiled
from nepi.hosts.wire.compiled import load

SOURCES = sorted(Path(compiled.__file__).parent.glob("*.c"))
COMPILER = shutil.which("cc") or shutil.which("gcc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


def build(sources: list[Path], folder: Path) -> None:
    argv = [str(COMPILER), "-O1", "-shared", "-fPIC", "-o", str(folder / "_wire.some-python.so"), *map(str, sources)]
    subprocess.run(argv, check=True)


def test_where_it_was_not_built_there_is_none(tmp_path: Path) -> None:
    assert load(str(tmp_path)) is None


def test_what_is_no_library_is_none(tmp_path: Path) -> None:
    (tmp_path / "_wire.some-python.so").write_text("not a library")
    assert load(str(tmp_path)) is None


@needs_compiler
def test_one_of_other_sources_is_none(tmp_path: Path) -> None:
    other = tmp_path / "other.c"
    other.write_text(f"int wire_version(void) {{ return {VERSION + 1}; }}")
    build([other], tmp_path)
    assert load(str(tmp_path)) is None


@needs_compiler
def test_one_that_was_built_from_these_sources_is_found(tmp_path: Path) -> None:
    build(SOURCES, tmp_path)
    library = load(str(tmp_path))
    assert library is not None
    assert library.wire_version() == VERSION


@needs_compiler
def test_the_source_compiles_without_a_warning_and_without_python(tmp_path: Path) -> None:
    assert "Python.h" not in "".join(source.read_text() for source in SOURCES)
    options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    argv = [str(COMPILER), *options, "-o", str(tmp_path / "x.so"), *map(str, SOURCES)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
