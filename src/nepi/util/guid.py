"""Identifiers of resources: whole numbers from 1, each given once, from any thread."""

from __future__ import annotations

from threading import Lock

from nepi.errors import BadValueError


class GuidGenerator:
    """Gives each caller a number of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self, guid: int | None = None) -> int:
        """Return the next number, or `guid` itself, after which counting goes on above it.

        Whether a chosen number is taken already is for the holder of the resources to know.

        Raises:
            BadValueError: `guid` is not a whole number above 0.
        """
        if guid is not None and (isinstance(guid, bool) or not isinstance(guid, int) or guid < 1):
            raise BadValueError(f"guid {guid!r}: expected a whole number, 1 or more")
        with self._lock:
            if guid is None:
                guid = self._last + 1
            self._last = max(self._last, guid)
            return guid

    generate = next
