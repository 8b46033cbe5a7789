"""Names of other tools, made into names that resources, folders and commands can have, each of them once."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 30
"""Characters: the name of a link has two of them in it, and a resource's name has 64."""


class Names:
    """Gives out names.

    Attributes:
        changed: of each name that could not be kept, (what it was, what it is now).
    """

    def __init__(self) -> None:
        self.changed: list[tuple[str, str]] = []
        self._taken: set[str] = set()

    def take(self, wanted: object, fallback: str) -> str:
        """Return a name like the wanted one that nobody has yet.

        Args:
            wanted: any text: accents, spaces and slashes are made into plain letters and "-".
            fallback: used when nothing is left of it.
        """
        text = str(wanted)
        base = cleaned(text)[:LONGEST].rstrip("-._") or fallback
        name, number = base, 1
        while name in self._taken:
            number += 1
            suffix = f"-{number}"
            name = base[: LONGEST - len(suffix)] + suffix
        self._taken.add(name)
        if name != text:
            self.changed.append((text, name))
        return name


def cleaned(text: str) -> str:
    """Return a text as letters, digits, "-", "_" and ".", beginning with a letter or digit; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")
