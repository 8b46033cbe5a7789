"""Keeps credentials out of what is written: the values that attributes with `Flags.Credential` were set to, wherever a text quotes them.

One set for the process: what is a secret of one experiment is none of the others' business either.
"""

from __future__ import annotations

import re
from threading import Lock
from typing import Final

HIDDEN: Final = "***"
_FREE_FROM: Final = 6
"""Secrets of so many characters are hidden inside of words, too; shorter ones, such as "root", only as words."""

_lock = Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None


def keep_secret(value: object) -> None:
    """Let no text that passes `without_secrets` show this value from now on; only texts are secrets."""
    global _pattern
    if not isinstance(value, str) or not value or value in _secrets:
        return
    with _lock:
        _secrets.add(value)
        forms = {form for secret in _secrets for form in (secret, repr(secret)[1:-1])}
        _pattern = re.compile("|".join(_expression(form) for form in sorted(forms, key=len, reverse=True)))


def without_secrets(text: str) -> str:
    """Return the text with every secret hidden."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def _expression(secret: str) -> str:
    if len(secret) >= _FREE_FROM:
        return re.escape(secret)
    return rf"(?<!\w){re.escape(secret)}(?!\w)"
