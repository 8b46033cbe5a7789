"""The code blocks of a page of the documentation, and what comments above them say about how they are run.

    <!-- file: two.py -->     the block below is written to that file
    <!-- within: pair -->     the Python block below is a part of a program: it stands at "# HERE" in within/pair.py
    <!-- output -->           the block below is what the Python block above it prints
    <!-- not run: why -->     the block below cannot be run by a test

A `python` block without a comment is a program, a `console` block has commands after "$ " and what they print, the `pycon` blocks of
a page are one session at a Python prompt. Others are only shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w*)\s*$")
_COMMENT = re.compile(r"^ *<!-- *(file|within|output|not run)(?:: *(.*?))? *-->$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: where it stands, "docs/...".
        line: of its fence, from 1.
        language: the word after the fence.
        text: what is in it.
        comment: (word, what follows the colon) of the comment above it, or ("", "").
    """

    page: str
    line: int
    language: str
    text: str
    comment: tuple[str, str] = ("", "")

    @property
    def place(self) -> str:
        return f"{self.page}, line {self.line}"


def blocks_of(page: Path, name: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    found: list[Block] = []
    comment = ("", "")
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is not None:
            first, indent, language = opened
            if fence and not fence[2]:
                found.append(Block(name, first, language, "\n".join(lines) + "\n", comment))
                opened, lines, comment = None, [], ("", "")
            else:
                lines.append(line.removeprefix(indent))
        elif fence:
            opened = (number, fence[1], fence[2])
        elif (match := _COMMENT.match(line)) is not None:
            comment = (match[1], match[2] or "")
        elif line.strip():
            comment = ("", "")
    assert opened is None, f"{name}: the block of line {opened} is not closed"
    return found
