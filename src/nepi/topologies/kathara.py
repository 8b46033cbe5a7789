"""Kathará's (and Netkit's) lab.conf: machines on collision domains. A domain of two machines is a link, a larger one a switch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

_LINE: Final = re.compile(r"""(?P<machine>[\w.-]+)\[(?P<key>[\w-]+)\]\s*=\s*(?P<quote>["']?)(?P<value>[^"']*)(?P=quote)""")
_ABOUT: Final = re.compile(r"LAB_\w+\s*=")


def from_kathara(kind: type[T], text: str, where: str, folder: Path | None = None) -> T:
    """Return the topology of a lab.conf.

    Args:
        kind: the class.
        text: of the file.
        where: the file, for messages.
        folder: the lab's, which is looked through for what is not carried over.

    Raises:
        BadValueError: a line that is none of a lab.conf.
    """
    drawn = Drawn(where)
    domains: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.partition("#")[0].strip()
        if not stripped or _ABOUT.match(stripped):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise BadValueError(f'{where}, line {number}: {stripped[:60]!r} is no line of a lab.conf, like pc1[0]="A"')
        machine, key, value = match["machine"], match["key"], match["value"].strip()
        if not drawn.has(machine):
            drawn.node(machine)
        if not key.isdecimal():
            drawn.leave(f"{key!r}", machine)
            continue
        domain, _, mac = value.partition("/")
        if mac:
            drawn.leave("MAC addresses", machine)
        domains.setdefault(domain, []).append(machine)
    _take_domains(drawn, domains)
    _leave_files(drawn, folder, [machine for machines in domains.values() for machine in machines])
    return drawn.finished(kind, _name(text))


def _take_domains(drawn: Drawn, domains: dict[str, list[str]]) -> None:
    for domain, machines in domains.items():
        if len(machines) == 2 and machines[0] != machines[1]:
            drawn.link(machines[0], machines[1], {}, name=domain)
        elif len(set(machines)) == 1:
            drawn.leave(f"collision domain {domain}, which only one machine is on", machines[0])
        else:
            switch = ("domain", domain)
            drawn.node(switch, "switch", name=domain)
            for machine in machines:
                drawn.link(machine, switch, {})


def _leave_files(drawn: Drawn, folder: Path | None, machines: list[str]) -> None:
    for machine in dict.fromkeys(machines) if folder is not None else ():
        if folder is not None and (folder / f"{machine}.startup").is_file():
            drawn.leave("the start-up file, with addresses and routes", machine)
        if folder is not None and (folder / machine).is_dir():
            drawn.leave("the folder with its files", machine)


def _name(text: str) -> str:
    match = re.search(r"""^LAB_NAME\s*=\s*["']?([^"'\n]*)""", text, re.MULTILINE)
    return match[1].strip() if match else ""
