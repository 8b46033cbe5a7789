"""What must be brought to a host and built there before an application can start: a plan of steps, made without looking at the world.

The order and the places are the original's. Lists are separated by semicolons, or by white space when there is none.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from nepi.errors import BadValueError

URL_SCHEMES: Final = ("http", "https")
_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:~=@-]*", re.ASCII)
"""A package's name, with a version or an architecture if need be; nothing that a package manager takes for an option."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of an application on its host.

    Attributes:
        exp: of the run.
        node: of the node in the run, shared by its applications.
        app: of the application.
        run: where the command runs; every file there is a trace.
    """

    exp: Path
    node: Path
    app: Path
    run: Path

    @property
    def usr(self) -> Path:
        """What the node's applications share."""
        return self.node / "usr"

    def tags(self) -> dict[str, str]:
        """Return the path tags, as variables of the environment: a shell puts them in where ${TAG} is written."""
        shared = {name.upper(): str(self.usr / name) for name in ("bin", "lib", "src", "share")}
        homes = {"EXP_HOME": self.exp, "NODE_HOME": self.node, "APP_HOME": self.app, "RUN_HOME": self.run}
        others = {"EXP": self.exp, "USR": self.usr, "CODE": self.app / "code"}
        return shared | {name: str(path) for name, path in {**homes, **others}.items()}


@dataclass(frozen=True, slots=True)
class Put:
    """Copy a local file, or what a folder has, to the host; `text` instead of `source` is written as it is."""

    attribute: str
    target: Path
    source: Path | None = None
    text: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Fetch:
    """Download a file and bring it to the host."""

    attribute: str
    url: str
    target: Path


@dataclass(frozen=True, slots=True)
class Command:
    """Run a command on the host; that it fails is a failure of the application."""

    attribute: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Depend:
    """Have packages of the host's distribution there; that they are not is a failure of the application."""

    attribute: str
    packages: tuple[str, ...]


Step = Put | Fetch | Depend | Command


def provisioning_steps(values: Mapping[str, Any], folders: Folders) -> list[Step]:
    """Return what must be done, in order: sources, files, bins, libs, code, depends, build, install.

    Args:
        values: the attributes of an Application, by name.
        folders: where things go.

    Raises:
        BadValueError: an attribute cannot be read as a list.
    """
    usr = folders.usr
    steps: list[Step] = [_source(one, usr / "src") for one in _listed(values, "sources")]
    for name, folder, mode in (("files", "share", 0o644), ("bins", "bin", 0o755), ("libs", "lib", 0o644)):
        steps += [Put(name, usr / folder / Path(one).name, Path(one), mode=mode) for one in _listed(values, name)]
    code = str(values.get("code") or "")
    if "\n" in code:
        steps.append(Put("code", folders.app / "code", text=code))
    elif code:
        steps.append(Put("code", folders.app / "code", Path(code)))
    if depends := _listed(values, "depends"):
        steps.append(Depend("depends", tuple(_packages(depends))))
    # The user's own shell text; the path tags are variables of its environment, and nothing is put into it.
    steps += [Command(name, ("/bin/sh", "-c", values[name])) for name in ("build", "install") if values.get(name)]
    return steps


def _packages(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not _PACKAGE.fullmatch(name):
            raise BadValueError(f"attribute 'depends': {name!r} is no name of a package")
        yield name


def _source(one: str, folder: Path) -> Step:
    url = urlsplit(one)
    if url.scheme not in URL_SCHEMES:
        return Put("sources", folder / Path(one).name, Path(one))
    name = Path(unquote(url.path)).name
    if not name:
        raise BadValueError(f"attribute 'sources': {one!r} names no file; write the address of one file")
    return Fetch("sources", one, folder / name)


def _listed(values: Mapping[str, Any], name: str) -> list[str]:
    text = str(values.get(name) or "")
    if ";" in text:
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadValueError(f"attribute {name!r}: {text!r} cannot be split into words ({str(error).lower()}); close the quote") from None
