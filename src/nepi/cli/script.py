"""Runs a user's script in this process, as `python FILE ARGS` would, and tells its mistakes from those of the script's author's tools."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import linecache
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Final

import nepi
from nepi.cli import collecting
from nepi.errors import NepiError, UsageError

PACKAGE: Final = str(Path(nepi.__file__).parent)


class Script:
    """A Python file and the arguments that it is given.

    Args:
        path: the file, as the user wrote it.
        arguments: what it finds in `sys.argv[1:]`.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, path: Path, arguments: Sequence[str] = ()) -> None:
        self.path = path
        self._arguments = list(arguments)
        try:
            self._source = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None

    @contextlib.contextmanager
    def as_main(self) -> Iterator[None]:
        """Make it the main program, for as long as anything that it left running may need that."""
        # All of it is imported before the script's folder comes first: a queue.py beside the script is not the library's.
        importlib.import_module("nepi.execution.ec")
        module = ModuleType("__main__")
        module.__file__ = str(self.path)
        module.__dict__["__builtins__"] = builtins
        before = sys.modules["__main__"], sys.argv, list(sys.path)
        sys.modules["__main__"] = module
        sys.argv = [str(self.path), *self._arguments]
        sys.path.insert(0, str(self.path.absolute().parent))
        try:
            yield
        finally:
            sys.modules["__main__"], sys.argv, sys.path[:] = before

    def execute(self) -> None:
        """Run it to its end, inside of `as_main`.

        Raises:
            BaseException: whatever it raises.
        """
        collecting.restore()
        exec(self._compiled(), vars(sys.modules["__main__"]))

    def _compiled(self) -> CodeType:
        return compile(self._source, str(self.path), "exec")

    def where(self, error: BaseException) -> str:
        """Return the place in the user's own code that an error came from, "FILE, line 7: the line", or ""."""
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        lines = [number for _, number in traceback.walk_tb(error.__traceback__)]
        for frame, line in reversed(list(zip(frames, lines, strict=True))):
            file = frame.f_code.co_filename
            if not file.startswith((PACKAGE, "<")) and "site-packages" not in file and not file.startswith(sys.base_prefix + "/lib"):
                text = linecache.getline(file, line).strip()
                return f"{file}, line {line}" + (f": {text}" if text else "")
        return ""

    def message(self, error: NepiError) -> str:
        """Return an error as one message, with the place that it came from."""
        where = self.where(error)
        return f"{error}" + (f"\n  at {where}" if where else "")

    def print_traceback(self, error: BaseException) -> None:
        """Print a traceback as Python would, without the frames that ran the script."""
        trimmed = error.__traceback__
        while trimmed is not None and trimmed.tb_frame.f_code.co_filename != str(self.path):
            trimmed = trimmed.tb_next
        traceback.print_exception(type(error), error, self._or_none(trimmed, error))

    def _or_none(self, trimmed: TracebackType | None, error: BaseException) -> TracebackType | None:
        """A script that does not compile has no frame of its own, and its error says the line by itself."""
        return trimmed if trimmed is not None or isinstance(error, SyntaxError) else error.__traceback__
