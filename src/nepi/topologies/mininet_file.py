"""Python files with Mininet topologies in them, read also where Mininet is not installed: what they import of it is stood in for."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from nepi.errors import BadValueError, DescriptionError, did_you_mean

_TOPO: Final = "mininet.topo"


class Topo:
    """Stands in for `mininet.topo.Topo`: takes down what is added."""

    def __init__(self, *args: Any, **params: Any) -> None:
        self.hopts: dict[str, Any] = params.pop("hopts", {})
        self.sopts: dict[str, Any] = params.pop("sopts", {})
        self.lopts: dict[str, Any] = params.pop("lopts", {})
        self._nodes: dict[str, dict[str, Any]] = {}
        self._links: list[tuple[str, str, dict[str, Any]]] = []
        self.build(*args, **params)

    def build(self, *args: Any, **params: Any) -> None:
        """Add nodes and links; subclasses do."""

    def addNode(self, name: str, **opts: Any) -> str:
        """Add a node."""
        self._nodes[name] = opts
        return name

    def addHost(self, name: str, **opts: Any) -> str:
        """Add a host."""
        return self.addNode(name, **{**self.hopts, **opts})

    def addSwitch(self, name: str, **opts: Any) -> str:
        """Add a switch."""
        return self.addNode(name, **{**self.sopts, **opts, "isSwitch": True})

    def addLink(self, node1: str, node2: str, port1: int | None = None, port2: int | None = None, key: Any = None, **opts: Any) -> int:
        """Add a link."""
        self._links.append((node1, node2, {**self.lopts, **opts}))
        return len(self._links) - 1

    def nodes(self, sort: bool = True) -> list[str]:
        """Return the names of all nodes."""
        return list(self._nodes)

    def isSwitch(self, name: str) -> bool:
        """Whether a node is a switch."""
        return bool(self._nodes[name].get("isSwitch"))

    def hosts(self, sort: bool = True) -> list[str]:
        """Return the names of all hosts."""
        return [name for name in self._nodes if not self.isSwitch(name)]

    def switches(self, sort: bool = True) -> list[str]:
        """Return the names of all switches."""
        return [name for name in self._nodes if self.isSwitch(name)]

    def links(self, sort: bool = True, withKeys: bool = False, withInfo: bool = False) -> list[tuple[Any, ...]]:
        """Return all links."""
        return [(first, second, info) if withInfo else (first, second) for first, second, info in self._links]

    def nodeInfo(self, name: str) -> dict[str, Any]:
        """Return what was said of a node."""
        return self._nodes[name]


class _Anything(type):
    """Makes classes that have every attribute and can be called: enough to be imported and named, not to run."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {"__init__": lambda *_args, **_options: None})


class _StandIns:
    """Finds modules of Mininet that are not there, and makes them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Say that a module of Mininet is here."""
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "mininet" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a module in which every name is a class."""
        module = ModuleType(spec.name)
        if spec.name == _TOPO:
            vars(module)["Topo"] = Topo
        vars(module)["__getattr__"] = lambda name: getattr(_Anything("mininet", (), {}), name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""


@contextlib.contextmanager
def mininet_there() -> Iterator[None]:
    """Let `import mininet` succeed, by stand-ins where Mininet is not installed; afterwards they are gone."""
    if importlib.util.find_spec("mininet") is not None:
        yield
        return
    finder = _StandIns()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "mininet"]:
            del sys.modules[name]


def topo_of_file(path: Path, wanted: str = "") -> Any:
    """Execute a Python file and return its `Topo`: the wanted one, the one of its `topos`, or its only class of that kind.

    Raises:
        DescriptionError: it cannot be executed, or it has none, or several.
    """
    spec = importlib.util.spec_from_file_location("nepi_mininet_file", path)
    if spec is None or spec.loader is None:
        raise BadValueError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    with mininet_there():
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise DescriptionError(f"{path} cannot be executed: {type(error).__name__}: {error}") from error
        found = _choices(vars(module))
        chosen = wanted or (next(iter(found)) if len(found) == 1 else "")
        if chosen not in found:
            what = f"has no Mininet topology {wanted!r}{did_you_mean(wanted, found)}" if wanted else "does not say which topology is meant"
            raise BadValueError(f"{path} {what}; it has {', '.join(found) or 'none'}" + (f": write {path}:NAME" if found else ""))
        try:
            return found[chosen]()
        except Exception as error:
            raise DescriptionError(f"{path}: {chosen} cannot be made: {type(error).__name__}: {error}") from error


def _choices(names: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return what makes topologies: the entries of `topos`, which is Mininet's own convention, or else the classes of the file itself."""
    topos = names.get("topos")
    if isinstance(topos, dict) and topos:
        return {str(name): made for name, made in topos.items() if callable(made)}
    return {
        name: one
        for name, one in names.items()
        if isinstance(one, type) and one.__module__ == names["__name__"] and any(base.__name__ == "Topo" for base in one.__mro__[1:])
    }
