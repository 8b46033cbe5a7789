"""The Python of another machine that ns-3 runs in: found, or made by pip when that is asked for; and our own part of it brought there."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nepi.errors import CommandError, ConnectError, DeadlineError
from nepi.hosts.remote.code_folder import PLACE, CodeFolder
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.hosts.remote.transport import Transport

CODE: Final = CodeFolder("ns3", Path(__file__).parent, ("inside",), (".py", ".h"))
LEAST_PYTHON: Final = (3, 10)
LOOK_DEADLINE_S: Final = 60.0
INSTALL_DEADLINE_S: Final = 570.0
"""A little less than a simulation may take to be deployed. What pip has fetched until then it need not fetch again."""

LOOK: Final = """
import json, os, sys
from importlib import metadata
home = os.path.expanduser("~")
try:
    version = metadata.version("ns3")
except metadata.PackageNotFoundError:
    version = None
own = os.path.join(home, sys.argv[2] + "-%d.%d" % sys.version_info[:2])
print(json.dumps({
    "executable": sys.executable, "version": list(sys.version_info[:2]), "home": home, "ns3": version, "own": own,
    "has_code": os.path.exists(os.path.join(home, sys.argv[1], "complete")),
    "has_own": os.path.exists(os.path.join(own, "complete")),
}))
"""
INSTALL: Final = """
import fcntl, os, shutil, subprocess, sys

def run(*argv):
    status = subprocess.call(argv, stdout=sys.stderr)
    if status:
        sys.exit(status)

folder = sys.argv[1]
os.makedirs(os.path.dirname(folder), exist_ok=True)
with open(folder + ".lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not os.path.exists(os.path.join(folder, "complete")):
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(os.path.join(folder, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "ns3")
        open(os.path.join(folder, "complete"), "w").close()
"""
_LINES: Final = 6


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of a machine.

    Attributes:
        path: its program.
        version: major and minor.
        ns3: version of the wheel; None when it has none.
        home: of who is logged in.
        own: folder of the environment that we make for this version of Python.
        has_own: that is there.
        has_code: this version of what we bring is there.
    """

    path: str
    version: tuple[int, int]
    ns3: str | None
    home: PurePosixPath
    own: PurePosixPath
    has_own: bool
    has_code: bool

    @property
    def own_python(self) -> str:
        """The interpreter of the environment that we make."""
        return str(self.own / "bin" / "python")

    def inside(self, name: str) -> str:
        """Return the path of a program of ours there."""
        return str(CODE.there(self.home) / "inside" / name)


async def look(transport: Transport, python: str) -> Interpreter:
    """Ask an interpreter what it is. One round trip.

    Args:
        transport: the way to the machine.
        python: a name that is found there, or a path.

    Raises:
        ConnectError: the machine cannot be reached, or has no such Python.
    """
    asked = f"command -v {shlex.quote(python)} >/dev/null || exit 127; " + call("exec", python, "-I", "-", CODE.folder, f"{PLACE}/ns3-venv")
    done = await transport.run(asked, stdin=LOOK.encode(), deadline_s=LOOK_DEADLINE_S, once=False)
    if done.exit.status == 127:
        raise ConnectError(f"{transport.name} has no {python}: install it there, or name another one with `python`", backend="ns3")
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.exit)]
        raise ConnectError(f"{python} on {transport.name} does not work: {words[-1]}", backend="ns3") from None
    major, minor = said["version"]
    if (major, minor) < LEAST_PYTHON:
        needed = ".".join(map(str, LEAST_PYTHON))
        raise ConnectError(f"{python} on {transport.name} is {major}.{minor}: simulations need {needed} or later", backend="ns3")
    return Interpreter(
        said["executable"] or python,
        (major, minor),
        said["ns3"],
        PurePosixPath(said["home"]),
        PurePosixPath(said["own"]),
        said["has_own"],
        said["has_code"],
    )


async def prepare(host: RemoteHost, python: str, *, install: bool) -> Interpreter:
    """Return an interpreter of a machine that has ns-3, and what we bring.

    Args:
        host: the machine.
        python: the interpreter that is asked first.
        install: when that has no ns-3, make an environment with it, or take the one that was made before.

    Raises:
        ConnectError: it has no ns-3; the message says what to type.
        CommandError, DeadlineError: it could not be installed.
    """
    found = await look(host.transport, python)
    if found.ns3 is None and (install or found.has_own):
        if not found.has_own:
            await _install(host, found)
        found = await look(host.transport, found.own_python)
    if found.ns3 is None:
        raise ConnectError(missing(host.transport.name, found.path), backend="ns3")
    if not found.has_code:
        await CODE.bring(host.transport, found.path)
    return found


def missing(name: str, python: str) -> str:
    """Say what to do about an interpreter without ns-3."""
    return (
        f"ns-3 is not installed on {name} ({python}): type `{shlex.quote(python)} -m pip install ns3` there, "
        "name an interpreter that has it with `python`, or set `install`"
    )


async def _install(host: RemoteHost, python: Interpreter) -> None:
    argv = [python.path, "-I", "-c", INSTALL, str(python.own)]
    try:
        done = await host.run(argv, deadline_s=INSTALL_DEADLINE_S)
    except DeadlineError as error:
        what = f"ns-3 was not installed on {host.transport.name} within {INSTALL_DEADLINE_S:g} s; what was fetched is kept: try again"
        raise DeadlineError(what, backend="ns3") from error
    if done.exit.status != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        said = "\n".join([line for line in lines if line.startswith("ERROR")] or lines[-_LINES:])
        argv = [python.path, "-m", "pip", "install", "ns3"]
        raise CommandError(argv, done.exit.status, said, resource=host.transport.name, action="install", backend="ns3")
