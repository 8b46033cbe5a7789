"""Writes plain data as YAML that people like to read: short entries on one line, long ones key by key, texts line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from nepi.formats.values import Bare, Quoted

_WIDTH: Final = 110
_STRING: Final = "tag:yaml.org,2002:str"
_OTHER_BREAKS: Final = "\x85\u2028\u2029"
"""What YAML takes for the end of a line beside "\\n": only in double quotes is it written as what it is."""
_resolver: Final = yaml.resolver.Resolver()


class _Dumper(yaml.SafeDumper):
    """Indents the items of lists below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML. `Bare` and `Quoted` texts are what they say; other texts are quoted where another reader needs it."""
    parts = []
    for key, value in document.items():
        node = yaml.MappingNode("tag:yaml.org,2002:map", [(_bare(key), _node(value, 1))], flow_style=False)
        parts.append(yaml.serialize(node, Dumper=_Dumper, width=_WIDTH, allow_unicode=True))
    return "".join(parts)


def _node(value: Any, depth: int) -> yaml.Node:
    """Return a node. Sections are written entry by entry; what is in them on one line, if it fits."""
    if isinstance(value, dict):
        pairs = [(_bare(key), _node(one, depth + 1)) for key, one in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=depth > 1 and _fits(value))
    if isinstance(value, list | tuple):
        short = all(not isinstance(one, dict | list | tuple) for one in value)
        nodes = [_node(one, depth + 1) for one in value]
        return yaml.SequenceNode("tag:yaml.org,2002:seq", nodes, flow_style=short and not any(map(_has_lines, value)))
    return _scalar(value)


def _scalar(value: Any) -> yaml.ScalarNode:
    match value:
        case None:
            return _bare("null")
        case bool():
            return _bare("true" if value else "false")
        case int() | float():
            return _bare(repr(value))
        case Bare():
            return _bare(value)
        case Quoted():
            return yaml.ScalarNode(_STRING, str(value), style='"')
    if any(one in str(value) for one in _OTHER_BREAKS):
        return yaml.ScalarNode(_STRING, str(value), style='"')
    return yaml.ScalarNode(_STRING, str(value), style="|" if _has_lines(value) else None)


def _bare(text: str) -> yaml.ScalarNode:
    """Return a text that is not quoted, whatever other readers of YAML take it for ("on" is a key here, and true to some)."""
    tag: str = _resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # pyyaml has no types of its own
    return yaml.ScalarNode(tag, str(text))


def _has_lines(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _fits(value: Any) -> bool:
    """Whether an entry is short enough for one line."""
    return _length(value) <= _WIDTH - 10


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(str(key)) + 4 + _length(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return sum(_length(one) + 2 for one in value)
    return _WIDTH if _has_lines(value) else len(str(value))
