"""What conditions look like as text: the words that the parser reads and the writer writes. Nothing else knows them."""

from __future__ import annotations

import re
from typing import Final

from nepi.errors import BadValueError
from nepi.model.states import ResourceState

STATES: Final = {state.name.lower(): state for state in ResourceState}
ENDED: Final = "ended"
EXITED: Final = "exited"
BEYOND: Final = ("or", "beyond")
WITHIN: Final = "within"
QUORUM: Final = "quorum"
ALL_OF: Final = "all_of"
TRACE_MATCHES: Final = "trace_matches"
STDOUT: Final = "stdout"

MOST_CHARACTERS: Final = 200_000
MOST_DEPTH: Final = 40

BARE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_:@-]*(?:\.[A-Za-z0-9_:@-]+)*")
"""Names of resources that need no quotes."""


class ConditionTextError(BadValueError):
    """A condition that is not understood.

    Attributes:
        sentence: what is wrong.
        column: where in the text, from 0.
    """

    def __init__(self, sentence: str, column: int) -> None:
        super().__init__(f"column {column + 1}: {sentence}")
        self.sentence = sentence
        self.column = column


def quoted(text: str) -> str:
    """Return a text in quotes. Nothing in it is escaped, so that regular expressions stay as they are; a quote in it is doubled."""
    return '"' + text.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """Return what a text in single or double quotes says."""
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)
