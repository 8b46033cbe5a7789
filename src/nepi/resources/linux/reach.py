"""How a node's host is reached, from its attributes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nepi.errors import BadValueError
from nepi.hosts.remote.ssh_options import HostKeys, SshOptions, parse_jumps
from nepi.model.experiment import ResourceDescription

CHECKED: Final = "check"
TRUSTED: Final = "trust"
HOST_KEYS: Final = {CHECKED: HostKeys.KNOWN, TRUSTED: HostKeys.FIRST_USE}
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_SSH: Final = ("port", "username", "gateway", "gatewayUser", "identity", "serverKey", "sshConfig")


def is_local(values: Mapping[str, Any]) -> bool:
    """Whether the node is this machine, without sshd: "localhost", and nothing said of how to log in."""
    return values.get("hostname") in _LOCAL and not any(values.get(name) for name in _OF_SSH)


def ssh_options(values: Mapping[str, Any], pins: Path) -> SshOptions:
    """Return how a host is reached.

    Args:
        values: the node's attributes.
        pins: the run's file for keys that are trusted on first use.

    Raises:
        BadValueError: something cannot be meant; all of it is named.
    """
    gateway, identity = values.get("gateway"), values.get("identity")
    return SshOptions(
        hostname=values.get("hostname") or "",
        port=values.get("port"),
        username=values.get("username") or None,
        identity=Path(identity).expanduser() if identity else None,
        jumps=parse_jumps(gateway, values.get("gatewayUser") or None) if gateway else None,
        server_key=_key(values.get("serverKey")),
        host_keys=HOST_KEYS[values.get("hostKeys") or CHECKED],
        pins=pins,
        connect_deadline_s=values.get("connectDeadline") or 30.0,
        forward_agent=bool(values.get("forwardAgent")),
        config=Path(values["sshConfig"]).expanduser() if values.get("sshConfig") else None,
    )


def _key(text: str | None) -> str | None:
    """Return the key that `serverKey` is or, as in the original, is the file of."""
    if not text or "\n" in text.strip() or len(text) > 1024:
        return text or None
    path = Path(text).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip() if path.is_file() else text
    except (OSError, UnicodeDecodeError) as error:
        raise BadValueError(f"serverKey: {path} cannot be read: {error}") from None


def check_reach(one: ResourceDescription, _peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with how a node is to be reached."""
    values = one.attributes
    if not values.get("hostname"):
        yield "attribute 'hostname' is not set: a name, an address, an alias of your ssh configuration, or localhost for this machine"
        return
    if values.get("cleanProcessesAfter") is False:
        yield "attribute 'cleanProcessesAfter': what a run has started is always ended with it, unless the controller is told to keep=True"
    if values.get("gatewayUser") and not values.get("gateway"):
        yield "attribute 'gatewayUser': there is no gateway"
    for name in ("identity", "sshConfig"):
        path = values.get(name)
        if path and not Path(path).expanduser().is_file():
            yield f"attribute {name!r}: there is no file {Path(path).expanduser()}"
    try:
        ssh_options(values, Path("pins"))
    except BadValueError as error:
        yield str(error)
    if facts.get("ssh_missing") and not is_local(values):
        yield facts["ssh_missing"]
