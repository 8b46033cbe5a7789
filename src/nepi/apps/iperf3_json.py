"""The JSON documents in iperf3's output, whole or cut off, and their values with the path in every error.

A file of a server holds several documents one after another. iperf3 3.17's `--json-stream` writes a line for each event
instead; the events of a test are put together to the document that it would have been.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from nepi.apps.output_text import decode, excerpt
from nepi.errors import TraceError

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\]]', re.DOTALL)
_WORD_START: Final = re.compile(r"\s*(?:t|tr|tru|f|fa|fal|fals|n|nu|nul|[-+.eE0-9]*)")
_SPACE: Final = re.compile(r"\s*")
_MESSAGE: Final = re.compile(r"(?:iperf3: |warning: |WARNING: )(?:error - |parameter error - )?(.*)")
_LARGEST: Final = 10**18
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and the infinities are no measurements


@dataclass(frozen=True, slots=True)
class Value:
    """A value somewhere in a document; what is absent or null is None or empty, what has the wrong type is an error."""

    data: object
    path: str

    def __getitem__(self, key: str) -> Value:
        if self.data is not None and not isinstance(self.data, dict):
            raise self._wrong("an object")
        return Value(None if self.data is None else self.data.get(key), f"{self.path}.{key}" if self.path else key)

    def items(self) -> list[Value]:
        """Return the elements of a list."""
        if self.data is None:
            return []
        if not isinstance(self.data, list):
            raise self._wrong("a list")
        return [Value(element, f"{self.path}[{position}]") for position, element in enumerate(self.data)]

    def number(self) -> float | None:
        """Return a finite number."""
        data = self._plain_number()
        return None if data is None else float(data)

    def whole(self) -> int | None:
        """Return a whole number."""
        data = self._plain_number()
        if data is None or data == int(data):
            return None if data is None else int(data)
        raise self._wrong("a whole number")

    def text(self) -> str:
        """Return text."""
        if self.data is None or isinstance(self.data, str):
            return self.data or ""
        raise self._wrong("text")

    def flag(self) -> bool:
        """Return True or False; 1 and 0 count as such."""
        if self.data is None or (isinstance(self.data, bool | int) and self.data in (0, 1)):
            return bool(self.data)
        raise self._wrong("true or false")

    def _plain_number(self) -> int | float | None:
        if self.data is None:
            return None
        if isinstance(self.data, bool) or not isinstance(self.data, int | float):
            raise self._wrong("a number")
        if not isfinite(self.data) or abs(self.data) > _LARGEST:
            raise self._wrong("a number of sensible size")
        return self.data

    def _wrong(self, expected: str) -> TraceError:
        return TraceError(f"iperf3 output, at {self.path or 'the top'}: {excerpt(str(self.data))} is not {expected}")


@dataclass(frozen=True, slots=True)
class Document:
    """The report on one test.

    Attributes:
        top: the document's object.
        cut: it stops before its end; what is there is whole, objects that were being written are left out.
    """

    top: Value
    cut: bool = False


def documents(output: bytes | str) -> tuple[list[Document], list[str]]:
    """Return the documents in iperf3's output, and what it said in plain text around them.

    Raises:
        TraceError: something is neither; says on which line.
    """
    text = decode(output, "iperf3")
    found: list[Document] = []
    messages: list[str] = []
    position = _skip_space(text, 0)
    while position < len(text):
        if text[position] == "{":
            document, position = _document(text, position)
            found.append(document)
        else:
            line, _, _ = text[position:].partition("\n")
            messages.append(_message(text, position, line, follows=bool(messages)))
            position += len(line)
        position = _skip_space(text, position)
    return list(_put_together(found)), messages


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _document(text: str, position: int) -> tuple[Document, int]:
    try:
        data, end = _DECODER.raw_decode(text, position)
        return Document(Value(data, "")), end
    except RecursionError:
        raise TraceError(f"iperf3 output, {_place(text, position)}: nested too deeply for a report of iperf3") from None
    except json.JSONDecodeError as error:
        completed = _completed(text, position) if _stops_at_the_end(error, text) else None
        if completed is None:
            raise TraceError(f"iperf3 output, {_place(text, error.pos)}: {error.msg}") from None
    except ValueError as error:
        raise TraceError(f"iperf3 output, {_place(text, position)}: {error}") from None
    return Document(Value(_DECODER.decode(completed), ""), cut=True), len(text)


def _stops_at_the_end(error: json.JSONDecodeError, text: str) -> bool:
    """Tell whether a document is wrong only in that it stops: all that is left is the start of a word of JSON."""
    rest = text[error.pos :]
    return error.msg.startswith("Unterminated string") or _WORD_START.fullmatch(rest) is not None


def _completed(text: str, position: int) -> str | None:
    """Return a document that is cut off, up to the last object or list that was whole, with what encloses it closed; or None."""
    closers: list[str] = []
    completed = "{}"
    for match in _TOKEN.finditer(text, position):
        token = match[0]
        if token in ("{", "["):
            closers.append("}" if token == "{" else "]")
        elif token in ("}", "]"):
            if not closers or closers.pop() != token or not closers:
                return None
            completed = text[position : match.end()] + "".join(reversed(closers))
    return completed if closers else None


def _message(text: str, position: int, line: str, *, follows: bool) -> str:
    """Return what a line of plain text says; `follows`: after a first message, the usage and other lines are let through."""
    if match := _MESSAGE.match(line):
        return match[1].strip()
    if (not follows and not "iperf3: ".startswith(line[:8])) or not line.replace("\t", " ").rstrip("\r").isprintable():
        raise TraceError(f"iperf3 output, {_place(text, position)}: {excerpt(line)} is nothing that iperf3 prints")
    return ""


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line} column {position - text.rfind(chr(10), 0, position)}"


def _put_together(found: Iterable[Document]) -> Iterator[Document]:
    """Replace events of `--json-stream` by the document that they make."""
    test: dict[str, Any] | None = None
    for document in found:
        event, data = document.top["event"].text(), document.top["data"].data
        if test is not None and event in ("", "start"):
            yield Document(Value(test, ""), cut="end" not in test)
            test = None
        if not event:
            if not document.cut or document.top.data:
                yield document
            continue
        test = test or {"intervals": []}
        if event == "interval":
            test["intervals"] += [] if document.cut else [data]
        elif not document.cut:
            test[event] = data
    if test is not None:
        yield Document(Value(test, ""), cut="end" not in test)
