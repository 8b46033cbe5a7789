"""XML as plain elements with places. Document types, and with them entities, are refused; depth and number are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from nepi.formats.places import Mistakes, Place

MOST_DEPTH: Final = 20
MOST_ELEMENTS: Final = 2_000_000


@dataclass(slots=True)
class Element:
    """An element: its name, attributes, place, and the elements in it. Text is not kept."""

    tag: str
    attributes: dict[str, str]
    place: Place
    children: list[Element] = field(default_factory=list)

    def below(self, tag: str) -> Iterator[Element]:
        """Yield the elements of this name directly in it."""
        return (one for one in self.children if one.tag == tag)


def elements_of(text: str, mistakes: Mistakes) -> Element:
    """Return the outermost element of an XML text.

    Raises:
        PlanError: it is no XML, or has what is not read here.
    """
    parser = expat.ParserCreate()
    builder = _Builder(parser, mistakes)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass") if not text.lstrip().startswith("<?xml") else _declared(text), True)
    except expat.ExpatError as error:
        mistakes.give_up(Place(error.lineno, error.offset + 1), f"this is not XML: {expat.ErrorString(error.code)}")
    assert builder.root is not None  # expat has refused a text without an element
    return builder.root


def _declared(text: str) -> bytes:
    """Return the text without its declaration, which may name the encoding that the file once had."""
    head, _, rest = text.partition("?>")
    return ("\n" * head.count("\n") + rest).encode("utf-8", "surrogatepass")


class _Builder:
    def __init__(self, parser: expat.XMLParserType, mistakes: Mistakes) -> None:
        self.root: Element | None = None
        self._parser = parser
        self._mistakes = mistakes
        self._open: list[Element] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        place = Place(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)
        element = Element(tag, attributes, place)
        self._count += 1
        if len(self._open) >= MOST_DEPTH or self._count > MOST_ELEMENTS:
            self._mistakes.give_up(place, f"more than {MOST_DEPTH} elements within each other, or {MOST_ELEMENTS} in all")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._open.pop()

    def doctype(self, *_what: object) -> None:
        """A document type is declared: entities would come with it."""
        self._mistakes.give_up(Place(self._parser.CurrentLineNumber, 1), "a document type (<!DOCTYPE ...>) is not read, nor are entities")
