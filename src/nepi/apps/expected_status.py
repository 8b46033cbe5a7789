"""The attribute `expectedStatus`: with which exit statuses a command has done what it should."""

from __future__ import annotations

import re

from nepi.errors import BadValueError


def expected_statuses(text: str) -> frozenset[int] | None:
    """Return the statuses that text such as "0" or "0,1" names; None for "any".

    Raises:
        BadValueError: it is neither.
    """
    if text.strip() == "any":
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"-?[0-9]{1,3}", word) for word in words):
        raise BadValueError(f"expectedStatus: {text!r} is neither 'any' nor statuses like 0 or 0,1 (-9 means killed by signal 9)")
    return frozenset(int(word) for word in words)
