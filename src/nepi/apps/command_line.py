"""A user's own `command` and `env` texts as argument lists and variables; nothing is run, and nothing of ours goes into a shell.

Text without shell syntax is split here, so that the program is started directly and gets the signals itself. Text with shell
syntax is the user's own shell program and is handed to /bin/sh untouched.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from nepi.errors import BadValueError

PLAIN_OUTPUT_ENV: Final[Mapping[str, str]] = MappingProxyType({"LC_ALL": "C"})
"""Environment under which tools print what the parsers of this package read: English, decimal points."""

_SHELL: Final = "/bin/sh"
_SPECIAL: Final = frozenset("|&;<>()$`*?[\n\r")
_SPECIAL_IN_DOUBLE_QUOTES: Final = frozenset("$`")
_SPECIAL_AT_WORD_START: Final = frozenset("#~")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=", re.ASCII)
_SHELL_WORDS: Final = re.compile(
    r"[!{}.:]|alias|bg|break|case|cd|command|continue|do|done|elif|else|esac|eval|exec|exit|export|fc|fg|fi|for|function|getopts|hash|"
    r"if|in|jobs|local|read|readonly|return|set|shift|source|then|times|trap|type|ulimit|umask|unalias|unset|until|wait|while"
)
"""Reserved words and built-ins of sh(1) that no program of that name can stand in for."""


def command_argv(text: str) -> list[str]:
    """Return the argument list that runs a user's command text as sh(1) would.

    Args:
        text: the `command` attribute; path tags such as ${RUN_HOME} have been replaced before, or sh sees them.

    Returns:
        The words of the command; `["/bin/sh", "-c", text]` when the text uses shell syntax (pipes, redirections, variables,
        patterns, built-ins, several commands); an empty list when there is nothing but white space.

    Raises:
        BadValueError: a quote is not closed, or the text has a NUL character.
    """
    if "\0" in text:
        raise BadValueError("command: contains a NUL character, which no program can be given")
    if uses_shell_syntax(text.strip(" \t\n")):
        return [_SHELL, "-c", text]
    try:
        return shlex.split(text.strip(" \t\n"))
    except ValueError as error:
        raise BadValueError(f"command: {text!r} cannot be split into words ({str(error).lower()}); close the quote") from None


def uses_shell_syntax(text: str) -> bool:
    """Tell whether only a shell gives `text` its meaning. In doubt the answer is yes. Source: POSIX.1-2017, chapter 2 of XCU."""
    for char, quote, starts_word, escaped in _characters(text):
        if escaped:
            special = char in "\n\r" or (quote == '"' and char in "$`")
        elif quote == "'":
            special = False
        elif quote == '"':
            special = char in _SPECIAL_IN_DOUBLE_QUOTES
        else:
            special = char in _SPECIAL or (starts_word and char in _SPECIAL_AT_WORD_START)
        if special:
            return True
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return bool(_SHELL_WORDS.fullmatch(first) or _ASSIGNMENT.match(first))


def environment(text: str) -> dict[str, str]:
    """Return the variables of an `env` text such as "A=1 B='x y'", in its order; the last value of a name counts.

    Quotes and backslashes mean what they mean to sh. Nothing is expanded: a `$` or a backquote outside single quotes is
    refused rather than passed on as if it had been.

    Raises:
        BadValueError: a word is not NAME=VALUE, a quote is not closed, something would have to be expanded, or a NUL.
    """
    for char, quote, _, escaped in _characters(text):
        if char == "\0":
            raise BadValueError("env: contains a NUL character, which no variable can hold")
        if char in _SPECIAL_IN_DOUBLE_QUOTES and quote != "'" and not escaped:
            raise BadValueError(
                f"env: {text!r} has {char!r}, and nothing is expanded here; put it in single quotes, or set it in `command`"
            )
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadValueError(f"env: {text!r} cannot be split into words ({str(error).lower()}); close the quote") from None
    return dict(_variable(word) for word in words)


def _variable(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not _VARIABLE.fullmatch(name):
        raise BadValueError(f"env: {word!r} is not NAME=VALUE; write it like A=1 B='x y'")
    return name, value


def _characters(text: str) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield every character with the quote that it stands in ("" for none), whether it starts a word, and whether it is escaped."""
    quote, escaped, starts_word = "", False, True
    for char in text:
        yield char, quote, starts_word and not escaped, escaped
        if escaped:
            escaped, starts_word = False, False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        else:
            quote = char if char in "'\"" else ""
            starts_word = char in " \t\n"
