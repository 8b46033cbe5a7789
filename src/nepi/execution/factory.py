"""The catalogue of resource types: classes by name, found in this package, in other packages and along NEPI_SEARCH_PATH."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import DescriptionError, UnknownTypeError, did_you_mean
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.typespec import TypeSpec
from nepi.units import duration_s

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager

ENTRY_POINTS = "nepi.resources"
_SHIPPED = "nepi.resources"
"""The package of this project's backends; named, not imported, since it stands above this layer."""
_LIFE_CYCLE = ("discover", "provision", "deploy", "start", "stop", "release", "finish", "fail")
_populating = threading.RLock()


class ResourceFactory:
    """Types by name. A backend's module is imported when one of its types is asked for."""

    _resource_types: ClassVar[dict[str, type[ResourceManager]]] = {}
    _specs: ClassVar[dict[type, TypeSpec]] = {}
    _populated: ClassVar[bool] = False
    _looking: ClassVar[bool] = False

    @classmethod
    def resource_types(cls) -> dict[str, type[ResourceManager]]:
        """Return all classes that can be found, by name."""
        populate_factory()
        return cls._resource_types

    @classmethod
    def get_resource_type(cls, rtype: str | None) -> type[ResourceManager] | None:
        """Return the class of a type, or None when there is none."""
        if rtype is None:
            return None
        found = cls._resource_types.get(rtype)
        if found is None:
            backend = rtype.partition("::")[0]
            cls._load_backend(backend)
            found = cls._resource_types.get(rtype) or _made_when_asked(backend, rtype)
        return found

    @classmethod
    def find(cls, rtype: str, backend: str = "") -> type[ResourceManager]:
        """Return the class of a type; a name without a backend belongs to `backend`.

        Raises:
            UnknownTypeError: there is no such type; the message has the nearest names.
        """
        if not isinstance(rtype, str):
            raise UnknownTypeError(f"{rtype!r} is not the name of a resource type; use a text such as 'Node'")
        names = [rtype] if "::" in rtype or not backend else [f"{backend}::{rtype}", rtype]
        for name in names:
            found = cls.get_resource_type(name)
            if found is not None:
                return found
        populate_factory()
        for name in names:
            if name in cls._resource_types:
                return cls._resource_types[name]
        for name in names:
            if reason := _why_gone(name):
                raise UnknownTypeError(f"there is no resource type {name!r} any more: {reason}")
        known = dict.fromkeys([*cls._resource_types, *(name.partition("::")[2] for name in cls._resource_types)])
        near = did_you_mean(rtype, known)
        hint = "" if backend or "::" in rtype else "; a type without a backend needs ExperimentController(backend=...)"
        raise UnknownTypeError(f"there is no resource type {names[0]!r}{near}{hint}; `nepi types` lists them")

    @classmethod
    def register_type(cls, rclass: type[ResourceManager]) -> None:
        """Register a class under its name and aliases.

        Raises:
            DescriptionError: the class cannot be a resource type.
        """
        _check_class(rclass)
        for name in (rclass.rtype(), *rclass._aliases):
            cls._resource_types[name] = rclass
        cls._specs.pop(rclass, None)

    @classmethod
    def create(cls, rtype: str, ec: ExperimentController, guid: int) -> ResourceManager:
        """Return a new resource manager.

        Raises:
            UnknownTypeError: there is no such type.
        """
        return cls.find(rtype)(ec, guid)

    @classmethod
    def spec(cls, rclass: type[ResourceManager]) -> TypeSpec:
        """Return what is known of a class, as plain data."""
        found = cls._specs.get(rclass)
        if found is None:
            from nepi.execution.spec_of import spec_of

            found = cls._specs[rclass] = spec_of(rclass)
        return found

    @classmethod
    def _load_backend(cls, backend: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", backend):
            return
        name = f"{_SHIPPED}.{backend}"
        if name in sys.modules or importlib.util.find_spec(name) is None:
            return
        importlib.import_module(name)


def _why_gone(rtype: str) -> str:
    """Return why a type of the original is not here, if a backend says so."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{_SHIPPED}.") and name.count(".") == _SHIPPED.count(".") + 1:
            for gone in (getattr(module, "GONE", {}), getattr(module, "GONE_ALIASES", {})):
                if rtype in gone:
                    return str(gone[rtype])
    return ""


def backend_probe(backend: str, packages: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what the backend finds on this machine (kernel features, limits); {} when it looks at nothing.

    Args:
        backend: which one.
        packages: the programs that are needed, with the Debian package of each. Those that are missing are among the facts
            when the backend has `missing_tools`; a backend whose programs are elsewhere has it not.
    """
    module = sys.modules.get(f"{_SHIPPED}.{backend}")
    probe = getattr(module, "probe", None)
    facts = dict(probe()) if probe is not None else {}
    missing_tools = getattr(module, "missing_tools", None)
    if packages and missing_tools is not None:
        facts |= {"tools_missing": missing_tools(list(packages)), "packages": {tool: name for tool, name in packages.items() if name}}
    return facts


def backend_warm_up(backend: str) -> Callable[[], None] | None:
    """Let a backend start ahead what its runs need and takes time; return what ends it again if no run has taken it."""
    module = sys.modules.get(f"{_SHIPPED}.{backend}")
    warm_up: Callable[[], Callable[[], None]] | None = getattr(module, "warm_up", None)
    return warm_up() if warm_up is not None else None


def _made_when_asked(backend: str, rtype: str) -> type[ResourceManager] | None:
    """Ask a backend that has too many types to make all of them: its module then has `type_named(rtype)` and `every_type()`."""
    module = sys.modules.get(f"{_SHIPPED}.{backend}")
    type_named: Callable[[str], type[ResourceManager] | None] | None = getattr(module, "type_named", None)
    return type_named(rtype) if type_named is not None else None


def populate_factory() -> None:
    """Register every type that can be found; only the first call looks, and who calls meanwhile waits for it."""
    if ResourceFactory._populated:
        return
    with _populating:
        if ResourceFactory._populated or ResourceFactory._looking:
            return  # the latter: asked by a module that is being looked at
        ResourceFactory._looking = True
        try:
            for rclass in find_types():
                if rclass.rtype() not in ResourceFactory._resource_types:
                    _register(rclass)
            for name, module in list(sys.modules.items()):
                if name.rpartition(".")[0] == _SHIPPED and hasattr(module, "every_type"):
                    module.every_type()
            ResourceFactory._populated = True
        finally:
            ResourceFactory._looking = False


def _register(rclass: type[ResourceManager]) -> None:
    try:
        ResourceFactory.register_type(rclass)
    except DescriptionError as error:
        _log_left_out(f"{rclass.__module__}.{rclass.__qualname__}", error)


def find_types() -> list[type[ResourceManager]]:
    """Return the resource managers of this package, of packages with entry points, and of the folders in NEPI_SEARCH_PATH.

    NEPI_SEARCH_PATH has folders separated by spaces or colons. A module that cannot be imported is logged and left out.
    """
    from nepi.execution.resource import ResourceManager

    types: dict[type[ResourceManager], None] = {}
    for module in _modules():
        for name, value in vars(module).items():
            if name.startswith("_") or not inspect.isclass(value) or value is ResourceManager:
                continue
            if issubclass(value, ResourceManager) and value.rtype() != ResourceManager.rtype():
                types[value] = None
    return list(types)


def _modules() -> Iterator[ModuleType]:
    shipped = importlib.util.find_spec(_SHIPPED)
    for info in pkgutil.walk_packages(shipped.submodule_search_locations if shipped is not None else None, f"{_SHIPPED}."):
        yield from _imported(info.name)
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        yield from _imported(entry.module)
    for folder in re.split(r"[ :]+", os.environ.get("NEPI_SEARCH_PATH", "")):
        if folder:
            yield from _found_in(Path(folder))


def _found_in(folder: Path) -> Iterator[ModuleType]:
    for file in sorted(folder.glob("**/*.py")):
        inner = file.relative_to(folder).with_suffix("")
        name = _name_for(file, ".".join((_SHIPPED, *inner.parts)).removesuffix(".__init__"))
        if name in sys.modules:
            yield sys.modules[name]
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except (Exception, SystemExit) as error:  # a script that ends itself when it is imported is none of ours
                del sys.modules[name]
                _log_left_out(str(file), error)
            else:
                yield module


def _name_for(file: Path, name: str) -> str:
    """Return the module's name; another one when a module of that name comes from another file, in another folder of the path, say."""
    known = sys.modules.get(name)
    if known is None or getattr(known, "__file__", None) == str(file):
        return name
    return f"{name}_{zlib.crc32(os.fsencode(file)):08x}"


def _imported(name: str) -> Iterable[ModuleType]:
    try:
        return [importlib.import_module(name)]
    except (Exception, SystemExit) as error:
        _log_left_out(name, error)
        return []


def _log_left_out(name: str, error: BaseException) -> None:
    from nepi.util.logger import Logger

    Logger("factory").error(f"resource types in {name} are left out: {type(error).__name__}: {error}")


def _check_class(rclass: type[ResourceManager]) -> None:
    name = getattr(rclass, "_rtype", None)
    if not isinstance(name, str) or not name or any(character.isspace() for character in name):
        raise DescriptionError(f"class {rclass.__qualname__} cannot be registered: its rtype {name!r} is not a name")
    _check_constructor(rclass)
    _check_declarations(rclass)
    for verb in _LIFE_CYCLE:
        method = getattr(rclass, verb)
        if not callable(method):
            raise DescriptionError(f"{name}: {verb} must be a method, it is {method!r}")
        if verb not in rclass.__dict__ or not inspect.isfunction(method):
            continue
        required = [
            one
            for one in list(inspect.signature(method).parameters.values())[1:]
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ]
        if required:
            raise DescriptionError(
                f"{name}: {verb}() must take no arguments besides self, it takes {', '.join(one.name for one in required)}"
            )


def _check_constructor(rclass: type[ResourceManager]) -> None:
    constructor = rclass.__dict__.get("__init__")
    if not inspect.isfunction(constructor):
        return
    try:
        inspect.signature(constructor).bind(None, None, 1)
    except TypeError as error:
        raise DescriptionError(f"{rclass.rtype()}: __init__() must take (self, ec, guid): {error}") from None


def _check_declarations(rclass: type[ResourceManager]) -> None:
    for what in ("needs", "wants", "deadlines"):
        if not isinstance(getattr(rclass, what), Mapping):
            raise DescriptionError(f"{rclass.rtype()}: {what} must be a dictionary, it is {getattr(rclass, what)!r}")
    for kind, state in (*rclass.needs.items(), *rclass.wants.items()):
        if not isinstance(kind, str | type):
            raise DescriptionError(f"{rclass.rtype()}: needs are classes or type names, not {kind!r}")
        if state not in tuple(ResourceState):
            raise DescriptionError(f"{rclass.rtype()}: {state!r} is no state to wait for; use ResourceState.READY, say")
    for action, limit in rclass.deadlines.items():
        try:
            ResourceAction(action)
            if limit is not None:
                duration_s(limit)
        except ValueError as error:
            raise DescriptionError(f"{rclass.rtype()}: deadlines: {error}") from None
    if not isinstance(rclass.tools, tuple | list) or not all(isinstance(tool, str) for tool in rclass.tools):
        raise DescriptionError(f"{rclass.rtype()}: tools must be a tuple of program names, it is {rclass.tools!r}")
