"""`nepi types`: the types of resources, and one of them in detail."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.complete import complete_types
from nepi.cli.console import plain_table, print_json, print_table, say
from nepi.errors import UnknownTypeError, did_you_mean

if TYPE_CHECKING:
    from nepi.model.attributes import Attribute
    from nepi.model.typespec import TypeSpec

SAMPLED: Final = "*"


def types(
    type_: Annotated[
        str,
        typer.Argument(metavar="TYPE", help="A type, with or without its backend, a backend, or a pattern.", autocompletion=complete_types),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the types of resources, or show one of them.

    Of one: its attributes with type, default and limits, its traces, what it needs. A backend (ns3) lists its types, a pattern
    ('ns3::*Queue*') those whose names are like it.
    """
    specs = known_types()
    chosen = _listed(type_, specs)
    if chosen is not None:
        if json:
            print_json([type_record(spec) for spec in chosen])
        else:
            _list(chosen)
        return
    spec = _named(type_, specs)
    if json:
        print_json(type_record(spec))
    else:
        _show(spec)


def _listed(text: str, specs: list[TypeSpec]) -> list[TypeSpec] | None:
    """Return the types that are asked for together; None when it is one.

    Raises:
        UnknownTypeError: nothing is like the pattern.
    """
    backend = text.removesuffix("::")
    if not text or backend in {spec.backend for spec in specs}:
        return [spec for spec in specs if not text or spec.backend == backend]
    if not set(text) & set("*?["):
        return None
    found = [spec for spec in specs if any(fnmatchcase(name.lower(), text.lower()) for name in _names(spec))]
    if not found:
        raise UnknownTypeError(f"no resource type is like {text!r}; `nepi types` lists them")
    return found


def _names(spec: TypeSpec) -> tuple[str, ...]:
    return (spec.rtype, spec.rtype.rpartition("::")[2], *spec.aliases)


def known_types() -> list[TypeSpec]:
    """Return every type that can be found, ordered by name."""
    from nepi.execution.factory import ResourceFactory, populate_factory

    populate_factory()
    classes = dict.fromkeys(ResourceFactory.resource_types().values())
    return sorted((ResourceFactory.spec(one) for one in classes), key=lambda spec: (spec.backend, spec.rtype))


def _named(text: str, specs: list[TypeSpec]) -> TypeSpec:
    found = [spec for spec in specs if text in (spec.rtype, *spec.aliases)]
    found = found or [spec for spec in specs if text == spec.rtype.rpartition("::")[2]]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownTypeError(f"{text} is a type of several backends: say {' or '.join(spec.rtype for spec in found)}")
    if "::" in text:  # it may be of a kind that is not listed; or it is told why there is none
        from nepi.execution.factory import ResourceFactory

        return ResourceFactory.spec(ResourceFactory.find(text))
    known = {name for spec in specs for name in (spec.rtype, spec.rtype.rpartition("::")[2], spec.backend, *spec.aliases)}
    raise UnknownTypeError(f"there is no resource type {text!r}{did_you_mean(text, sorted(known))}; `nepi types` lists them")


def type_record(spec: TypeSpec) -> dict[str, Any]:
    """Return a type as plain data. Documented in docs/reference/cli.md."""
    return {
        "type": spec.rtype,
        "backend": spec.backend,
        "help": spec.help,
        "aliases": list(spec.aliases),
        "role": spec.role,
        "service": spec.service,
        "samples_state": spec.samples_state,
        "programs": list(spec.tools),
        "needs": [{"kind": _kind(need.kind), "state": need.state.name, "required": need.required} for need in spec.needs],
        "attributes": [_attribute_record(attribute) for attribute in spec.attributes.values()],
        "traces": [{"name": one.name, "help": one.help, "enabled": one.enabled} for one in spec.traces.values()],
    }


def _attribute_record(one: Attribute) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": one.type.lower(),
        "unit": one.unit,
        "default": one.default,
        "range": list(one.range) if one.range else None,
        "allowed": list(one.allowed) if one.allowed is not None else None,
        "flags": flag_names(one.flags),
        "help": one.help,
    }


def flag_names(flags: int) -> list[str]:
    """Return the names of the flags that are set."""
    from nepi.model.attributes import Flags

    return [name for name, bit in vars(Flags).items() if isinstance(bit, int) and bit and flags & bit]


def _list(specs: list[TypeSpec]) -> None:
    tables: dict[tuple[str, str], list[TypeSpec]] = {}
    for spec in sorted(specs, key=lambda spec: (spec.backend, spec.family)):
        tables.setdefault((spec.backend, spec.family), []).append(spec)
    for number, ((backend, family), members) in enumerate(tables.items()):
        if number:
            say()
        rows = [(spec.rtype + (SAMPLED if spec.samples_state else ""), _summary(spec), ", ".join(spec.aliases)) for spec in members]
        print_table(("", "", ""), rows, title=", ".join(filter(None, (backend or "no backend", family))))
    if any(spec.samples_state for spec in specs):
        say(f"\n{SAMPLED} asked for its state again and again, because its class overrides `state`.")


def _summary(spec: TypeSpec) -> str:
    return spec.help.partition("\n")[0]


def _show(spec: TypeSpec) -> None:
    say(f"{spec.rtype}\n\n{spec.help}\n")
    facts = [
        ("Aliases", ", ".join(spec.aliases)),
        ("Role", spec.role),
        ("Ends by itself", "no, it is a service" if spec.service else "yes"),
        ("Needs", "; ".join(f"{_kind(need.kind)} {need.state.name}" for need in spec.needs if need.required)),
        ("Waits for, if connected", "; ".join(f"{_kind(need.kind)} {need.state.name}" for need in spec.needs if not need.required)),
        ("Programs", ", ".join(spec.tools)),
        ("State", "asked for again and again, because its class overrides `state`" if spec.samples_state else ""),
    ]
    say(plain_table(("", ""), [fact for fact in facts if fact[1]]))
    rows = [(one.name, _kind_of_value(one), _default(one), _limits(one), one.help) for one in spec.attributes.values()]
    if rows:
        say()
        print_table(("name", "type", "default", "values", "help"), rows, title="Attributes")
    if spec.traces:
        say()
        rows_of_traces = [(one.name, "recorded" if one.enabled else "when enabled", one.help) for one in spec.traces.values()]
        print_table(("name", "", "help"), rows_of_traces, title="Traces")


def _kind(kind: str) -> str:
    """Return the name of what is needed: a type's name as it is, of a class only the last part."""
    return kind if "::" in kind else kind.rpartition(".")[2]


def _kind_of_value(one: Attribute) -> str:
    return one.type.lower()


def _default(one: Attribute) -> str:
    if one.default is None:
        return "-"
    return written(one.default, one.type)


def _limits(one: Attribute) -> str:
    parts = []
    if one.allowed is not None:
        parts.append(" | ".join(str(value) for value in one.allowed))
    if one.range:
        parts.append(f"{written(one.range[0], one.type)} to {written(one.range[1], one.type)}")
    names = flag_names(one.flags)
    if names:
        parts.append(f"({', '.join(names)})")
    return " ".join(parts)


def written(value: Any, type_: str) -> str:
    """Return a value as a program would write it, with its unit."""
    from nepi.model.attributes import Types
    from nepi.units import format_duration, format_fraction, format_rate, format_size

    forms = {Types.Duration: format_duration, Types.Rate: format_rate, Types.Size: format_size, Types.Fraction: format_fraction}
    form: Any = forms.get(type_)
    try:
        return str(form(value)) if form is not None else str(value)
    except ValueError:
        return str(value)
