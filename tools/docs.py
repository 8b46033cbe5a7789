"""Writes the pages of the reference that are generated from the code. `python tools/docs.py` writes them, `--check` says which are stale.

Each page has a head of plain text here, and a body from signatures, docstrings, tables or registered types.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from life_cycle_picture import picture
from pydantic import BaseModel

from nepi import errors
from nepi.cli.types import flag_names, known_types, written
from nepi.engine import lifecycle
from nepi.engine.events import Retry
from nepi.execution.ec import ExperimentController
from nepi.execution.failure import ECState, FailureLevel, FailureManager
from nepi.execution.handle import Handle
from nepi.execution.net import Net
from nepi.execution.resource import ResourceManager
from nepi.execution.waits import WaitResult
from nepi.formats.document import ApplicationEntry, Change, ConditionOf, Document, Entry, LinkEntry, ResourceEntry
from nepi.formats.policies import POLICIES, policy_keys
from nepi.model import conditions
from nepi.model.attributes import Attribute, Flags, Types
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.traces import Trace, TraceAttr
from nepi.model.typespec import TypeSpec
from nepi.topologies.elements import TopologyLink, TopologyNode
from nepi.topologies.topology import Topology

REFERENCE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"
GENERATED: Final = "*This page is written by `tools/docs.py` from the code; change it there.*"
SHIPPED: Final = ("dummy", "netns", "ns3", "hybrid")
LONG: Final = 100


def main() -> int:
    """Write the pages, or with --check only compare them."""
    stale = [name for name, page in PAGES.items() if not is_current(name, page())]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is stale: run tools/docs.py", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (REFERENCE / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


def is_current(name: str, text: str) -> bool:
    """Whether a page on the disk is what would be written."""
    path = REFERENCE / name
    return path.exists() and path.read_text(encoding="utf-8") == text


# The life cycle.


def life_cycle_page() -> str:
    """Return the page of states, actions and moves."""
    meaning = {
        "NEW": "described; nothing of it exists",
        "DISCOVERED": "something that fits was found (backends that choose)",
        "PROVISIONED": "it is reachable, and prepared",
        "READY": "everything that it takes is there; it could be started",
        "STARTED": "it does what it is for; a server accepts",
        "STOPPED": "it was interrupted, by order",
        "FINISHED": "it ended by itself, as it should",
        "FAILED": "it did not do what it should, and nobody tries again",
        "RELEASED": "it was given back; nothing leaves this state",
    }
    states = [(f"`{state.name}`", str(int(state)), meaning[state.name]) for state in ResourceState]
    ordered = [
        (f"`{source.name}`", action.name.lower(), f"`{target.name}`")
        for (source, action), target in lifecycle.ORDERED.items()
        if action is not ResourceAction.RELEASE
    ]
    announced = [
        (f"`{source.name}`", ", ".join(f"`{target.name}`" for target in sorted(targets)) or "nothing")
        for source, targets in lifecycle.ANNOUNCED.items()
    ]
    retried = ", ".join(f"a failed {action.name.lower()} to `{state.name}`" for action, state in lifecycle.RETRIED.items())
    return f"""# Life cycle

{GENERATED}

A resource is in one of nine states. Their numbers are part of the contract: comparisons by `>=` mean "at or beyond".

{table(("state", "number", "it means"), states)}

## Moves by order

What an action leads to. An action without a row here is not ordered.

{table(("from", "action", "to"), ordered)}

From every state but `RELEASED`, release leads to `RELEASED`.

## Moves by announcement

What a resource manager announces by itself (`set_started()` and the like) is a fact, and is taken even without a row here; it is then
irregular, and `nepi replay` names it. `RELEASED` alone is never left.

{table(("from", "to"), announced)}

## Tries

A retry policy makes another attempt: it takes {retried}. `FAILED` is entered when the policy has given up.

## The same as a picture

![States and moves](life-cycle.svg)

Solid arrows are moves by order, dashed ones are announced. The same for [Mermaid](https://mermaid.js.org/):

```mermaid
{lifecycle.draw()}
```
"""


# The Python interface.


def api_page() -> str:
    """Return the page of the public classes."""
    parts = [
        f"""# Python interface

{GENERATED}

The public names of `nepi`; every other name is inside. Where a resource is asked for, a handle, a name or a guid will do. Where a
time is asked for, text with a unit ("2s") or seconds will do.
""",
        class_section(ExperimentController, "`nepi.ExperimentController`"),
        class_section(Handle, "`nepi.Handle`"),
        class_section(Topology, "`nepi.Topology`"),
        class_section(TopologyNode, "`nepi.topologies.elements.TopologyNode`"),
        class_section(TopologyLink, "`nepi.topologies.elements.TopologyLink`"),
        class_section(Net, "`nepi.execution.net.Net`"),
        class_section(WaitResult, "`nepi.execution.waits.WaitResult`", "What every wait returns."),
        "## Conditions\n\nWhat they mean over time: [Conditions](conditions.md).\n",
        *(function_entry(getattr(conditions, name), f"nepi.{name}") for name in ("quorum", "trace_matches")),
        function_entry(conditions.Condition.within, "Condition.within"),
        class_section(Retry, "`nepi.Retry`"),
        class_section(ResourceManager, "`nepi.ResourceManager`"),
        class_section(Attribute, "`nepi.Attribute`"),
        constants_section(Types, "`nepi.Types`", "The types of attributes."),
        flags_section(),
        class_section(Trace, "`nepi.Trace`"),
        constants_section(TraceAttr, "`nepi.TraceAttr`", "What to return of a trace."),
        numbers_section(ResourceState, "`nepi.ResourceState`"),
        numbers_section(ResourceAction, "`nepi.ResourceAction`"),
        numbers_section(ECState, "`nepi.execution.ec.ECState`"),
        numbers_section(FailureLevel, "`nepi.execution.ec.FailureLevel`"),
        class_section(FailureManager, "`nepi.execution.ec.FailureManager`"),
    ]
    return "\n".join(parts)


def class_section(cls: type, title: str, note: str = "") -> str:
    """Return a class: what it is, its properties, its methods."""
    lines = [f"## {title}", "", f"```text\n{cls.__name__}{signature_of(cls)}\n```", "", markdown(note or inspect.getdoc(cls) or ""), ""]
    properties, methods = [], []
    for name, member in members_of(cls):
        if isinstance(member, property):
            properties.append((f"`{name}`", first_paragraph(inspect.getdoc(member))))
        else:
            methods.append(function_entry(getattr(cls, name), name))
    if properties:
        lines += [table(("property", "what it is"), properties), ""]
    times = [f"`{name}(guid)`" for one in cls.__mro__ for name, member in vars(one).items() if isinstance(member, functools.partialmethod)]
    if times:
        lines += [f"{', '.join(times)} return when a resource entered a state (a `datetime`), or None.", ""]
    return "\n".join([*lines, *methods])


def members_of(cls: type) -> Iterable[tuple[str, Any]]:
    """Yield the public properties and methods that this package gives a class, its own bases' included, in the order of the source."""
    seen: dict[str, Any] = {}
    for one in reversed([base for base in cls.__mro__ if base.__module__.startswith("nepi") and base.__name__ not in ("Logger", "ABC")]):
        for name, member in vars(one).items():
            plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if name.startswith("_") or not (isinstance(member, property) or inspect.isfunction(plain)):
                continue
            if getattr(member, "__isabstractmethod__", False):
                continue
            if inspect.getdoc(member):
                seen[name] = member
    return seen.items()


def function_entry(function: Callable[..., Any], name: str) -> str:
    """Return a function or method: its signature and docstring."""
    keyword = "async " if inspect.iscoroutinefunction(function) else ""
    said = markdown(inspect.getdoc(function) or "")
    return f"### `{name}`\n\n```text\n{keyword}{name.rpartition('.')[2]}{signature_of(function)}\n```\n\n{said}\n"


class _Raw:
    """Shows an annotation as it stands in the source."""

    def __init__(self, annotation: Any) -> None:
        self._text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))

    def __repr__(self) -> str:
        return self._text


class _Default:
    """Shows a default as a reader would write it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return getattr(self._value, "__name__", None) or repr(self._value)


def signature_of(thing: Callable[..., Any]) -> str:
    """Return a signature as text; one parameter in a line when it is long."""
    signature = inspect.signature(thing)
    parameters = []
    for one in signature.parameters.values():
        if one.name in ("self", "cls"):
            continue
        annotation = one.annotation if one.annotation is one.empty else _Raw(one.annotation)
        default = one.default if one.default is one.empty else _Default(one.default)
        parameters.append(one.replace(annotation=annotation, default=default))
    returns = signature.return_annotation
    result = "" if inspect.isclass(thing) or returns is signature.empty else f" -> {_Raw(returns)!r}"
    text = str(inspect.Signature(parameters))
    if len(text) > LONG:
        star = "" if not any(one.kind is one.KEYWORD_ONLY for one in parameters) else "*"
        lines = [str(one) for one in parameters]
        first = next((n for n, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY), None)
        if star and first is not None and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
            lines.insert(first, star)
        text = "(\n" + "".join(f"    {line},\n" for line in lines) + ")"
    return text + result


def flags_section() -> str:
    """Return the flags of attributes."""
    meaning = {
        "NoFlags": "anybody may read and set it at any time",
        "ReadOnly": "the resource sets it; users cannot",
        "ExecReadOnly": "users set it before the resource is deployed, not later",
        "Credential": "secret: in no file of a run, in no log",
        "Filter": "chooses among resources",
        "NoRead": "users cannot read it",
        "NoWrite": "users cannot set it",
        "Design": "part of the design: as ExecReadOnly",
        "Construct": "needed to make the resource: as ExecReadOnly",
        "Reserved": "for the backend's own use",
        "Global": "shared by all resources of the type",
    }
    rows = [(f"`{name}`", f"0x{bit:02x}", meaning[name]) for name, bit in vars(Flags).items() if isinstance(bit, int)]
    note = "Who may read or set an attribute, and when. Users are held to them; resource managers are not."
    return f"## `nepi.Flags`\n\n{note}\n\n{table(('flag', 'value', 'it means'), rows)}\n"


def constants_section(cls: type, title: str, note: str) -> str:
    """Return a class of constants."""
    rows = [(f"`{name}`", f"`{value!r}`") for name, value in vars(cls).items() if not name.startswith("_")]
    return f"## {title}\n\n{note}\n\n{table(('name', 'value'), rows)}\n"


def numbers_section(cls: type[IntEnum], title: str) -> str:
    """Return an enumeration."""
    rows = [(f"`{one.name}`", str(int(one))) for one in cls]
    return f"## {title}\n\n{first_paragraph(inspect.getdoc(cls))}\n\n{table(('name', 'number'), rows)}\n"


# Types of resources.


def types_page() -> str:
    """Return the page of resource types."""
    specs = [spec for spec in known_types() if spec.backend in SHIPPED and not spec.family]
    parts = [
        f"""# Resource types

{GENERATED}

The same is told by `nepi types` and `nepi types TYPE`, those of other packages included. In a description, a type's name may go
without its backend: `Node` is the `Node` of the experiment's backend.

A value with a unit is written as text ("10Mbit") or as a number of the unit that is named here. `Design` and `ExecReadOnly` mean: set
before it is deployed, not later. Every type has the attributes `critical` (a failure aborts the experiment; true by default) and
`hardRelease`; they are not repeated below. Those that are made of what ns-3 says of its own (`ns3::CsmaNetDevice`) are shown by `nepi
types` only.
"""
    ]
    for backend in SHIPPED:
        parts.append(f"## {backend}\n")
        parts += [type_section(spec) for spec in specs if spec.backend == backend]
    return "\n".join(parts)


def type_section(spec: TypeSpec) -> str:
    """Return one type."""
    facts = [
        ("Aliases", ", ".join(f"`{alias}`" for alias in spec.aliases)),
        ("Ends by itself", "no, it is a service" if spec.service else "yes"),
        ("Needs", "; ".join(f"{kind_of(need.kind)} {need.state.name}" for need in spec.needs if need.required)),
        ("Waits for, if connected", "; ".join(f"{kind_of(need.kind)} {need.state.name}" for need in spec.needs if not need.required)),
        ("Programs", ", ".join(f"`{tool}`" for tool in spec.tools)),
    ]
    lines = [f"### `{spec.rtype}`", "", spec.help, "", *(f"- {name}: {fact}" for name, fact in facts if fact), ""]
    attributes = [attribute_row(one) for one in spec.attributes.values() if one.name not in ("critical", "hardRelease")]
    if attributes:
        lines += [table(("attribute", "type", "default", "values", "what it is"), attributes), ""]
    traces = [(f"`{one.name}`", "always" if one.enabled else "when enabled", one.help) for one in spec.traces.values()]
    if traces:
        lines += [table(("trace", "recorded", "what it is"), traces), ""]
    return "\n".join(lines)


def attribute_row(one: Attribute) -> tuple[str, ...]:
    """Return the row of one attribute."""
    limits = []
    if one.allowed is not None:
        limits.append(", ".join(f"`{value}`" for value in one.allowed))
    if one.range is not None:
        limits.append(f"{written(one.range[0], one.type)} to {written(one.range[1], one.type)}")
    limits += flag_names(one.flags)
    unit = f", {one.unit}" if one.unit else ""
    default = "" if one.default is None else f"`{written(one.default, one.type)}`"
    return f"`{one.name}`", one.type.lower() + unit, default, "; ".join(limits), one.help


def kind_of(kind: str) -> str:
    """Return the name of what is needed."""
    return f"`{kind}`" if "::" in kind else f"`{kind.rpartition('.')[2]}`"


# Errors.


def errors_page() -> str:
    """Return the page of errors."""
    tree = (inspect.getdoc(errors) or "").partition("\n\n")[2].rstrip()
    rows = []
    for name, cls in vars(errors).items():
        if inspect.isclass(cls) and issubclass(cls, Exception) and cls.__module__ == errors.__name__:
            rows.append((f"`{name}`", first_paragraph(cls.__doc__ and inspect.cleandoc(cls.__doc__))))
    return f"""# Errors

{GENERATED}

All of them are in `nepi.errors`. An error says who is to blame, what was done, to what, what came back, and what to try.

```text
{tree}
```

{table(("error", "it means"), rows)}

On the command line a `DescriptionError`, a `UsageError` and a `RunError` end with exit status 2, others with 1
([Command line](cli.md)).
"""


# Words.


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def first_paragraph(text: str | None) -> str:
    """Return the first paragraph, on one line."""
    return " ".join((text or "").partition("\n\n")[0].split())


_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$")


def markdown(text: str) -> str:
    """Return a docstring in Google style as Markdown: sections become lists, indented blocks stay code."""
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        head = _SECTION.match(line)
        if head is not None:
            section = head[1]
            lines += [f"*{section}*", ""]
        elif not line.strip():
            lines.append("")
        elif section and line.startswith("    ") and not line.startswith("        "):
            name, _, rest = line.strip().partition(": ")
            lines.append(f"- `{name}`: {rest}" if rest and section != "Returns" else f"- {line.strip()}")
        elif section and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            section = "" if not line.startswith(" ") else section
            lines.append(line[:-1] if line.endswith("::") else line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# Experiments as files.


def yaml_page() -> str:
    """Return the page of the keys of experiments' files."""
    keys = {
        "At the top": Document,
        "An entry of `nodes` and `switches`": Entry,
        "An entry of `links`": LinkEntry,
        "An entry of `applications`": ApplicationEntry,
        "An entry of `resources`": ResourceEntry,
        "An item of `set`": Change,
        "An item of `conditions`": ConditionOf,
    }
    sections = [f"## {head}\n\n{key_table(model)}\n\n" for head, model in keys.items()]
    policies = [
        (f"`{kind}`", f"`{key}`", TAKES.get(one.kind, one.kind), repr(one.default))
        for kind in POLICIES
        for key, one in policy_keys(kind).items()
    ]
    return f"""# Experiments as files: keys

{GENERATED}

How to use them: [Write an experiment as a file](../howto/yaml.md). What else stands in an entry is an attribute of its
[type](resource-types.md); one that is called like a key goes below `attributes`. `nepi schema` prints all of it for editors.

{"".join(sections)}## Policies

{table(("key of an entry", "its key", "it takes", "by default"), policies)}

A number alone is the first of them: `retry: 3`.

## Values

{table(("type", "written"), [(f"`{kind.lower()}`", how) for kind, how in WRITTEN.items()])}
"""


TAKES: Final = {"duration": "a time: 2s", "int": "a whole number", "float": "a number", "bool": "true or false"}
WRITTEN: Final = {
    Types.String: "any text; a resource is `{resource: b}`, or its bare name where packets go there (`target`, `nexthop`)",
    Types.Bool: "`true`, `false`",
    Types.Enumerate: "one of its values",
    Types.Integer: "`3`, `0x1F`",
    Types.Double: "`1.5`",
    Types.Duration: "`20ms`, `1m30s`: [units](units.md)",
    Types.Rate: "`10Mbit`",
    Types.Size: "`64kB`, `1MiB`",
    Types.Fraction: "`0.1%`, `0.001`",
    "credential": "`${NAME}`: the environment variable that holds it",
}


def key_table(model: type[BaseModel]) -> str:
    """Return the keys of a model; those that every entry has are named only."""
    known = Entry.model_fields if issubclass(model, Entry) and model is not Entry else {}
    own = [name for name, one in model.model_fields.items() if name not in known or one.is_required()]
    rows = [(f"`{name}`", "yes" if (one := model.model_fields[name]).is_required() else "", one.description or "") for name in own]
    others = ", ".join(f"`{name}`" for name in known if name not in own)
    return table(("key", "required", ""), rows) + (f"\n\nAnd the keys of an entry of `nodes`: {others}." if known else "")


PAGES: Final[dict[str, Callable[[], str]]] = {
    "life-cycle.md": life_cycle_page,
    "life-cycle.svg": picture,
    "api.md": api_page,
    "resource-types.md": types_page,
    "errors.md": errors_page,
    "yaml.md": yaml_page,
}

if __name__ == "__main__":
    sys.exit(main())
