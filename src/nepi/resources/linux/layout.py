"""Where things are on a host. Pure; docs/design/linux-hosts.md draws it.

The places are those of the original, with one difference: everything that a run brings, builds and executes is in a folder of this run
alone, so that no run ever executes what an earlier one has left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from nepi.errors import BadValueError

TOP: Final = ".nepi"
EXPERIMENTS: Final = "nepi-exp"
STORE: Final = "nepi-usr"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._+=@-]")


def as_folder(name: str) -> str:
    """Return a name that a folder can have on any host; different names stay different."""
    safe = _UNSAFE.sub(_escaped, name)
    return f"%2e{safe[1:]}" if safe.startswith(".") else safe


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one run on one host.

    Attributes:
        home: the node's `home`, or that of the user who logs in; absolute.
        exp_id: the experiment's name.
        run: the run's name with a token that no other run has, be it of another machine.
        way: a few characters that stand for the way to the host: by two of them, a run may be twice on the same machine.
    """

    home: PurePosixPath
    exp_id: str
    run: str
    way: str = ""

    @property
    def top(self) -> PurePosixPath:
        """All that is ours on the host."""
        return self.home / TOP

    @property
    def store(self) -> PurePosixPath:
        """Files that were uploaded, by their SHA-256, for this run and later ones; nothing is executed there."""
        return self.top / STORE

    @property
    def experiment(self) -> PurePosixPath:
        """All runs of the experiment."""
        return self.top / EXPERIMENTS / as_folder(self.exp_id)

    @property
    def exp(self) -> PurePosixPath:
        """Of this run: ${EXP_HOME}."""
        return self.experiment / as_folder(self.run + self.way)

    @property
    def ours(self) -> str:
        """What the paths of all folders begin with that this run has there, by whatever way."""
        return str(self.experiment / as_folder(self.run))

    def node(self, name: str) -> PurePosixPath:
        """Of a node: ${NODE_HOME}; with usr/, what its applications share."""
        return self.exp / f"node-{as_folder(name)}"

    def app(self, node: str, name: str) -> PurePosixPath:
        """Of an application: ${APP_HOME}."""
        return self.node(node) / f"app-{as_folder(name)}"


def home_of(asked: str | None, login_home: PurePosixPath) -> PurePosixPath:
    """Return the home that a node uses.

    Args:
        asked: the attribute `home`: absolute, or below the user's home.
        login_home: of the user who logs in.

    Raises:
        BadValueError: it would lead out of the user's home.
    """
    path = PurePosixPath(asked or ".")
    if ".." in path.parts:
        raise BadValueError(f"attribute 'home': {asked!r} has '..' in it; write where it is")
    return login_home / path.relative_to("~") if path.parts[:1] == ("~",) else login_home / path
