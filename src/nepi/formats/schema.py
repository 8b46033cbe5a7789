"""The JSON Schema of experiments' files, for editors: the structure from the pydantic models, attributes from the resource types.

It is draft 7, which editors know. It accepts what the reader accepts, and a little more: names of resources and conditions are not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nepi.errors import BadValueError
from nepi.formats.document import DEFAULT_TYPES, Change, Document, Entry, LinkEntry, structural_keys
from nepi.formats.policies import POLICIES, policy_keys
from nepi.formats.reading import BACK
from nepi.formats.values import RESOURCE
from nepi.model.attributes import Attribute, Flags, Types
from nepi.model.typespec import TypeSpec

NUMBER: Final = r"[0-9]+(\.[0-9]+)? *"
DURATION: Final = rf"^({NUMBER}(h|m|min|s|ms|us|µs|μs|ns) *)+$"
PATTERNS: Final = {
    Types.Duration: DURATION,
    Types.Rate: rf"^{NUMBER}[kKmMgGtT]?[bB][iI][tT](/s|ps)?$",
    Types.Size: rf"^{NUMBER}(B|[kKMGT]B|[KMGT]iB)$",
    Types.Fraction: rf"^{NUMBER}%?$",
}
_EXAMPLES: Final = {Types.Duration: "100ms", Types.Rate: "10Mbit", Types.Size: "64kB", Types.Fraction: "0.1%"}
_PLAIN: Final[dict[str, dict[str, Any]]] = {
    Types.Bool: {"type": "boolean"},
    Types.Integer: {"type": "integer"},
    Types.Double: {"type": "number"},
}
_SCALARS: Final = ["string", "number", "boolean"]
_NEVER: Final = Flags.ReadOnly | Flags.NoWrite
_POLICY_KINDS: Final[dict[str, dict[str, Any]]] = {
    "duration": {"type": "string", "pattern": DURATION},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
}
_ENTRIES: Final = {
    "nodes": "Entry",
    "switches": "Entry",
    "links": "LinkEntry",
    "applications": "ApplicationEntry",
    "resources": "ResourceEntry",
}


def schema(specs: Iterable[TypeSpec]) -> dict[str, Any]:
    """Return the schema of files that use these types."""
    types = list(specs)
    base = _tidy(Document.model_json_schema())
    definitions = base.pop("$defs")
    for section, name in _ENTRIES.items():
        entry = _of_types(definitions[name], types, section)
        if section in ("nodes", "switches"):
            base["properties"][section]["anyOf"][1]["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
        elif section == "links":
            base["properties"][section]["items"] = entry
        else:
            base["properties"][section]["additionalProperties"] = entry
    for definition in definitions.values():
        for kind in POLICIES:
            definition.get("properties", {}).pop(kind, None)
    attributes = {f"attributes of {name}": _attributes_of(of) for name, of in _by_name(types).items()}
    names = {f"names of {name}": {"enum": sorted({key for spec in of for key in _settable(spec)})} for name, of in _by_name(types).items()}
    used = {name: definitions[name] for name in ("Change", "ConditionOf")}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "written by `nepi schema`",
        "title": "NEPI experiment",
        **base,
        "$defs": {**used, **attributes, **names},
    }


def _tidy(part: Any) -> Any:
    """Return pydantic's schema without what editors do not need: titles, defaults, nulls."""
    if isinstance(part, list):
        return [_tidy(one) for one in part]
    if not isinstance(part, dict):
        return part
    tidied = {
        key: {name: _tidy(one) for name, one in value.items()} if key in ("properties", "$defs") else _tidy(value)
        for key, value in part.items()
        if key not in ("title", "default")
    }
    choices = [one for one in tidied.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        tidied.pop("anyOf")
        return {**choices[0], **tidied}
    return {**tidied, "anyOf": choices} if choices else tidied


def _by_name(types: Iterable[TypeSpec]) -> dict[str, list[TypeSpec]]:
    """Return the types by every name that a file may use; a name without its backend can mean several."""
    found: dict[str, list[TypeSpec]] = {}
    for spec in types:
        for name in dict.fromkeys((spec.rtype, spec.rtype.rpartition("::")[2], *spec.aliases)):
            found.setdefault(name, []).append(spec)
    return found


def _of_types(entry: Mapping[str, Any], types: list[TypeSpec], section: str) -> dict[str, Any]:
    """Return the schema of an entry of a section: which attributes it has is decided by its type."""
    by_name = _by_name(types)
    structural = list(structural_keys(LinkEntry if section == "links" else Entry)) + ["on"] * (section == "applications")
    default = DEFAULT_TYPES.get(section)
    properties = {**entry["properties"], "type": {**entry["properties"]["type"], "enum": sorted(by_name)}, **_policies(entry)}
    cases = []
    for name, specs in sorted(by_name.items()):
        when: dict[str, Any] = {"properties": {"type": {"const": name}}}
        if name != default:
            when["required"] = ["type"]
        here, names = {"$ref": f"#/$defs/attributes of {name}"}, {"$ref": f"#/$defs/names of {name}"}
        then: dict[str, Any] = {"allOf": [here], "propertyNames": {"anyOf": [{"enum": structural}, names]}}
        change = {"allOf": [here], "propertyNames": {"anyOf": [{"enum": list(structural_keys(Change))}, names]}}
        then["properties"] = {"attributes": here, "set": {"type": "array", "items": change}}
        if section == "links":
            then["properties"]["back"] = _back_of(specs)
        cases.append({"if": when, "then": then})
    return {**entry, "properties": properties, "allOf": cases}


def _policies(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for kind in POLICIES:
        keys = {
            key: {**_POLICY_KINDS[one.kind], "default": one.default} for key, one in policy_keys(kind).items() if one.kind in _POLICY_KINDS
        }
        choice = [{"type": "integer"}, {"type": "object", "properties": keys, "additionalProperties": False}]
        found[kind] = {"description": entry["properties"][kind]["description"], "anyOf": choice}
    return found


def _settable(spec: TypeSpec) -> dict[str, Attribute]:
    return {name: one for name, one in spec.attributes.items() if not one.flags & _NEVER}


def _attributes_of(specs: list[TypeSpec]) -> dict[str, Any]:
    """Return the schema of a type's attributes; where a name means several types, what any of them takes."""
    found: dict[str, list[dict[str, Any]]] = {}
    for spec in specs:
        for name, attribute in _settable(spec).items():
            one = attribute_schema(attribute)
            if one not in found.setdefault(name, []):
                found[name].append(one)
    return {"properties": {name: choices[0] if len(choices) == 1 else {"anyOf": choices} for name, choices in found.items()}}


def _back_of(specs: list[TypeSpec]) -> dict[str, Any]:
    names = {name.removesuffix(BACK): one for spec in specs for name, one in _settable(spec).items() if name.endswith(BACK)}
    properties = {name: attribute_schema(one) for name, one in names.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def attribute_schema(attribute: Attribute) -> dict[str, Any]:
    """Return what a value of an attribute looks like in a file."""
    default = {} if attribute.default is None or attribute.has_flag(Flags.Credential) else {"default": attribute.default}
    return {"description": attribute.help, **_value_schema(attribute), **({} if attribute.type in PATTERNS else default)}


def _value_schema(attribute: Attribute) -> dict[str, Any]:
    if attribute.has_flag(Flags.Credential):
        return {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}
    if attribute.type == Types.Enumerate:
        return {"enum": list(attribute.allowed or ())}
    if attribute.type in PATTERNS:
        text = {"type": "string", "pattern": PATTERNS[attribute.type], "examples": [_EXAMPLES[attribute.type]]}
        return {"anyOf": [text, {"type": "number"}]} if _takes_numbers(attribute) else text
    if attribute.type in _PLAIN:
        limits = dict(zip(("minimum", "maximum"), attribute.range, strict=True)) if attribute.range and attribute.type != Types.Bool else {}
        return {**_PLAIN[attribute.type], **limits}
    reference = {"type": "object", "properties": {RESOURCE: {"type": "string"}}, "required": [RESOURCE], "additionalProperties": False}
    return {"anyOf": [{"type": _SCALARS}, reference]}


def _takes_numbers(attribute: Attribute) -> bool:
    """Whether a number without a unit is taken, too: a fraction, or an option that the original's users wrote so."""
    for text in ("1", "0.5", "100"):
        try:
            attribute.converted(text)
        except BadValueError:
            continue
        return True
    return False
