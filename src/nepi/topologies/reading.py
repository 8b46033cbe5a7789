"""Reading files of others: limited in size, without XML entities, without YAML tags and without YAML that grows when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.parsers import expat

from nepi.errors import BadValueError

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_VALUES: Final = 1_000_000
DEEPEST: Final = 100


def read_text(path: Path) -> str:
    """Return what is in a text file.

    Raises:
        BadValueError: it cannot be read, is no text, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadValueError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > MOST_BYTES:
        raise BadValueError(f"{path} has more than {MOST_BYTES // 1024 // 1024} MiB: no description of a topology is that large")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The encoding that an XML declaration names is heeded by the parser, which is given text here; Latin-1 is what is left.
        if data.lstrip().startswith(b"<?xml"):
            return data.decode("latin-1")
        raise BadValueError(f"{path} is no text in UTF-8") from None


def xml_root(text: str, where: str) -> ElementTree.Element:
    """Return the root element of an XML document.

    Raises:
        BadValueError: it is not well formed, is nested too deeply, or declares a document type (and so, maybe, entities).
    """
    check_xml(text, where)
    return ElementTree.fromstring(text)


def check_xml(text: str, where: str) -> None:
    """Look at an XML document before anybody else parses it.

    Raises:
        BadValueError: as for `xml_root`.
    """
    depth = 0

    def declared(*_: Any) -> None:
        raise BadValueError(f"{where} declares a document type or entities, which can hide anything: take the declaration out")

    def opened(*_: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise BadValueError(f"{where} is nested more than {DEEPEST} levels deep")

    def closed(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = declared
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BadValueError(f"{where}, line {error.lineno}: this is no XML: {expat.ErrorString(error.code)}") from None


def yaml_value(text: str, where: str) -> Any:
    """Return what a YAML document holds: plain data only.

    Raises:
        BadValueError: it is no YAML, has tags for objects, or would grow beyond all measure by its aliases.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_growth(root, where)
        return loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {mark.line + 1}" if mark is not None else where
        raise BadValueError(f"{place}: this is no plain YAML: {getattr(error, 'problem', None) or error}") from None
    except RecursionError:
        raise BadValueError(f"{where} is nested too deeply") from None
    finally:
        loader.dispose()


def _check_growth(root: Any, where: str) -> None:
    """Count values as they would be if every alias were written out; each node is looked at once."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size_of(node: Any) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise BadValueError(f"{where}: a value contains itself, by an alias")
        open_nodes.add(id(node))
        children = node.value if isinstance(node.value, list) else []
        size = 1
        for child in children:
            size += size_of(child[0]) + size_of(child[1]) if isinstance(child, tuple) else size_of(child)
        open_nodes.discard(id(node))
        sizes[id(node)] = size
        return size

    if size_of(root) > MOST_VALUES:
        raise BadValueError(f"{where} has more than {MOST_VALUES} values when its aliases are written out: refused")


def json_value(text: str, where: str) -> Any:
    """Return what a JSON document holds.

    Raises:
        BadValueError: it is no JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadValueError(f"{where}, line {error.lineno}: this is no JSON: {error.msg}") from None
    except RecursionError:
        raise BadValueError(f"{where} is nested too deeply") from None
