"""Bringing the agent to another machine, once for each version of it, and starting it there: recorded before it does anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nepi.errors import ConnectError, DeadlineError
from nepi.execution.ledger import Ledger, Thing
from nepi.hosts.remote.code_folder import CodeFolder
from nepi.hosts.remote.transport import Stream, Transport

HOSTS = Path(__file__).parents[1]
PARTS = ("agent", "wire", "linkprobe")
"""Folders that import nothing of the rest of the package."""
CODE = CodeFolder("agent", HOSTS, PARTS, (".py", ".so"))
LEAST_PYTHON = (3, 10)
DEADLINE_S = 60.0
KIND = "remote-agent"


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found out of a machine.

    Attributes:
        python: its interpreter.
        boot_id: the present boot.
        home: the user's home.
        uid: of the user.
        has_agent: this version of the agent is there.
        reached_at: address at which sshd was reached; "" when there was none.
        interfaces: (name, IPv4 address, MTU).
        programs: names of what commands find.
    """

    python: str
    boot_id: str
    home: PurePosixPath
    uid: int
    has_agent: bool
    reached_at: str
    interfaces: tuple[tuple[str, str, int], ...]
    programs: frozenset[str]

    @property
    def agent(self) -> PurePosixPath:
        """The folder of this version of the agent."""
        return CODE.there(self.home)

    def mtu_of(self, address: str) -> int | None:
        """Return the MTU of the interface that has an address."""
        return next((mtu for _, own, mtu in self.interfaces if own == address), None)


def with_python(script: str, *arguments: str) -> str:
    """Return the line of shell that runs a script of ours; it says so when there is no Python."""
    words = " ".join(shlex.quote(one) for one in ("python3", "-I", "-S", script, *arguments))
    return f"command -v python3 >/dev/null || {{ echo 'no python3' >&2; exit 127; }}; exec {words}"


async def find_out(transport: Transport) -> Machine:
    """Ask a machine what it is. One round trip.

    Raises:
        ConnectError: it cannot be reached, or has no Python that will do.
    """
    script = (HOSTS / "agent" / "facts.py").read_bytes()
    done = await transport.run(with_python("-", CODE.folder), stdin=script, deadline_s=DEADLINE_S, once=False)
    words = done.stderr.decode(errors="replace").strip()
    if done.exit.status == 127 or "no python3" in words:
        raise ConnectError(
            f"{transport.name} has no python3, which namespaces there need: install it (`sudo apt install python3`)", backend="netns"
        )
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ConnectError(f"python3 on {transport.name} does not work: {words or done.stdout[:200]!r}", backend="netns") from None
    if tuple(said["python"]) < LEAST_PYTHON:
        found, needed = (".".join(map(str, version)) for version in (said["python"], LEAST_PYTHON))
        raise ConnectError(f"python3 on {transport.name} is {found}: namespaces there need {needed} or later", backend="netns")
    return Machine(
        said["executable"] or "python3",
        said["boot_id"],
        PurePosixPath(said["home"]),
        said["uid"],
        said["has_agent"],
        said["reached_at"],
        tuple((name, address, mtu) for name, address, mtu in said["interfaces"]),
        frozenset(said["programs"]),
    )


async def bring(transport: Transport, machine: Machine) -> None:
    """Upload this version of the agent unless it is there.

    Raises:
        ConnectError: that failed.
    """
    if not machine.has_agent:
        await CODE.bring(transport, machine.python)


def script(machine: Machine, *path: str) -> str:
    """Return the path of a program of the agent's on that machine."""
    return str(machine.agent.joinpath(*path))


def proxy_command(machine_python: str, agent: PurePosixPath, run_dir: PurePosixPath) -> str:
    """Return the line of shell that bridges to the agent of a run."""
    words = (machine_python, "-I", "-S", str(agent / "agent" / "proxy.py"), str(run_dir))
    return "exec " + " ".join(shlex.quote(one) for one in words)


async def features_of(transport: Transport, machine: Machine) -> dict[str, Any]:
    """Return what namespaces can do there: what `agent/probe.py` says."""
    command = " ".join(shlex.quote(one) for one in (machine.python, "-I", "-S", script(machine, "agent", "probe.py")))
    done = await transport.run(command, deadline_s=DEADLINE_S, once=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConnectError(f"what {transport.name} can do is not known: {words[-1] if words else done.exit}", backend="netns") from None
    return found


async def start(
    transport: Transport, machine: Machine, run_dir: PurePosixPath, ledger: Ledger, way: dict[str, Any], *, name: str, owner: int
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Start a run's agent there; return its ledger row, its identity, and what it says of itself.

    Args:
        name: of the machine in the run, by which a later controller finds the row.

    Raises:
        ConnectError: namespaces cannot be made there; the message says why.
        DeadlineError: it did not answer.
    """
    identity: dict[str, Any] = {
        "machine": name,
        "host": transport.name,
        "way": way,
        "run_dir": str(run_dir),
        "boot_id": machine.boot_id,
        "agent": str(machine.agent),
        "python": machine.python,
    }
    (row,) = ledger.intend([Thing(KIND, identity, owner)])
    stream = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            words = (machine.python, "-I", "-S", script(machine, "agent", "__main__.py"))
            stream = await transport.open("exec " + " ".join(shlex.quote(one) for one in words))
            lines = stream.lines()
            await stream.write(json.dumps({"run_dir": str(run_dir), "rootless": machine.uid != 0, "from_afar": True}).encode() + b"\n")
            identity |= await _hear(stream, lines, transport.name)
            ledger.made([row], [identity])
            await stream.write(b"go\n")
            features = await _hear(stream, lines, transport.name)
    except TimeoutError:
        ledger.leave([row], "it did not start in time")
        raise DeadlineError(f"the namespace agent on {transport.name} did not start within {DEADLINE_S:g} s", backend="netns") from None
    except ConnectError:
        if "pid" not in identity:
            ledger.forget([row])  # it has done nothing, and has ended with the channel
        raise
    finally:
        if stream is not None:
            with contextlib.suppress(ConnectError):  # then the connection is lost, and the channel with it
                await stream.close()
    identity |= {"pid": features["pid"], "start_ticks": features["start_ticks"]}
    ledger.made([row], [identity])
    return row, identity, features


async def _hear(stream: Stream, lines: AsyncIterator[bytes], name: str) -> dict[str, Any]:
    try:
        line = await anext(lines)
    except StopAsyncIteration:
        words = stream.last_words().decode(errors="replace").strip().splitlines()
        why = f" ({words[-1]})" if words else "; see agent.log in its folder there"
        raise ConnectError(f"the namespace agent on {name} ended while starting{why}", backend="netns") from None
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ConnectError(f"the namespace agent on {name} could not start ({answer['what']}): {answer['error']}", backend="netns")
    return answer
