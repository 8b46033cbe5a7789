"""Lines for the batch modes of ip(8) and tc(8): many changes with one command and one round trip. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nepi.errors import BadValueError

Line = tuple[str, ...]
LONGEST_NAME: Final = 15
BATCHES: Final = ("ip", "tc")
"""Programs that take many lines at once; others are run once for each."""
_PLAIN = re.compile(r"[\w.:/@%+,=-]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][\w.:-]{0,14}", re.ASCII)


def batch(lines: Iterable[Sequence[str]]) -> bytes:
    """Return the standard input of `ip -batch -` or `tc -batch -`.

    Raises:
        BadValueError: a word has characters that mean something in a batch, or would not be one word there.
    """
    text = []
    for line in lines:
        for word in line:
            if not _PLAIN.fullmatch(word):
                raise BadValueError(
                    f"{word!r} cannot be a word of {' '.join(line)!r}: it has other characters than letters, digits and .:/@%+,=-"
                )
        text.append(" ".join(line) + "\n")
    return "".join(text).encode()


def check_name(name: str) -> str:
    """Return the name of an interface if it can be one.

    Raises:
        BadValueError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise BadValueError(f"{name!r} cannot be the name of an interface: at most {LONGEST_NAME} letters, digits and _.:- please")
    return name


def failed_line(stderr: str) -> int | None:
    """Return which line of a batch failed, counted from 1, by what ip or tc said; None when it does not say."""
    found = re.search(r"Command failed -:(\d+)", stderr)
    return int(found[1]) if found else None


def complaint(stderr: str) -> str:
    """Return what ip or tc complained of, without what only a batch says."""
    said = [line.removeprefix("Error: ").removeprefix("RTNETLINK answers: ") for line in stderr.splitlines()]
    return "; ".join(line for line in said if line and not line.startswith(("Command failed", "We have an error"))) or stderr.strip()
