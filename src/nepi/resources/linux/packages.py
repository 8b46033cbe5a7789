"""Packages of a host's distribution: which manager it has, what to ask it, what it answers. Pure functions; `provisioner.py` acts.

Debian and Ubuntu are what it was run on. Fedora and its relatives are here by recorded output of rpm and dnf; no such host was at hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Manager = Literal["apt", "dnf"]

LOCK_WAIT_S: Final = 120
_APT: Final = frozenset({"debian", "ubuntu"})
_DNF: Final = frozenset({"fedora", "rhel", "centos"})
_NAME: Final = re.compile(r"[^:=]+")
_FEDORA_NAMES: Final = {
    "bird2": "bird",
    "dnsmasq-base": "dnsmasq",
    "dnsutils": "bind-utils",
    "bind9-dnsutils": "bind-utils",
    "ffmpeg": "ffmpeg-free",
    "iproute2": "iproute",
    "iputils-ping": "iputils",
    "mtr-tiny": "mtr",
    "netcat-openbsd": "netcat",
    "nginx-light": "nginx",
    "openvswitch-switch": "openvswitch",
    "procps": "procps-ng",
    "python3-minimal": "python3",
}
"""What the packages of this library's tools are called there, where it is another name."""

_UNKNOWN: Final[dict[Manager, re.Pattern[str]]] = {
    "apt": re.compile(r"^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate)", re.MULTILINE),
    "dnf": re.compile(r"(?:No match for argument: (\S+)|Unable to find a match: (.+))"),
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """What /etc/os-release says.

    Attributes:
        id: "debian", "fedora", ...; "" when nothing is known.
        like: those that it is made of.
        name: for people.
    """

    id: str = ""
    like: tuple[str, ...] = ()
    name: str = "an unknown distribution"

    @property
    def manager(self) -> Manager | None:
        """Who installs packages there, as far as this library knows how to ask."""
        kinds = {self.id, *self.like}
        return "apt" if kinds & _APT else "dnf" if kinds & _DNF else None


def distribution(os_release: str) -> Distribution:
    """Read /etc/os-release. Source: os-release(5)."""
    values: dict[str, str] = {}
    for line in os_release.splitlines():
        name, equals, text = line.strip().partition("=")
        if equals and not name.startswith("#"):
            try:
                values[name] = " ".join(shlex.split(text))
            except ValueError:
                values[name] = text
    found = Distribution(values.get("ID", ""), tuple(values.get("ID_LIKE", "").split()))
    return Distribution(found.id, found.like, values.get("PRETTY_NAME") or values.get("NAME") or found.id or found.name)


def native_names(manager: Manager, debian_names: Iterable[str]) -> list[str]:
    """Return what packages that Debian calls so are called with that manager."""
    return [_FEDORA_NAMES.get(name, name) if manager == "dnf" else name for name in debian_names]


def query_argv(manager: Manager, packages: Sequence[str]) -> list[str]:
    """Return the command that asks which packages are installed; it needs no rights."""
    if manager == "apt":
        names = [match[0] for name in packages if (match := _NAME.match(name))]
        return ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n", *names]
    return ["rpm", "--query", "--queryformat", "%{NAME}\\n", "--whatprovides", *packages]


def lacking(manager: Manager, packages: Sequence[str], output: str) -> list[str]:
    """Return those of `packages` that are not installed by the answer to `query_argv`, in their order."""
    if manager == "apt":
        there = {name for name, _, status in (line.partition(" ") for line in output.splitlines()) if status == "installed"}
        return [one for one in packages if (match := _NAME.match(one)) and match[0] not in there]
    gone = set(re.findall(r"^no package provides (\S+)$", output, re.MULTILINE))
    return [one for one in packages if one in gone]


def refresh_argv(manager: Manager) -> list[str]:
    """Return the command that fetches the lists of packages anew; dnf does so by itself."""
    return ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}", "update"] if manager == "apt" else ["dnf", "-q", "makecache"]


def install_argv(manager: Manager, packages: Sequence[str]) -> list[str]:
    """Return the command that installs packages without asking anything, as root; signatures are checked."""
    if manager == "apt":
        options = ["-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}", "-o", "Dpkg::Options::=--force-confold"]
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
        return [*quiet, *options, "--no-install-recommends", "install", "--", *packages]
    return ["dnf", "-q", "-y", "--setopt=install_weak_deps=False", "install", "--", *packages]


def unknown_packages(manager: Manager, output: str) -> list[str]:
    """Return the packages that do not exist, by what the failed installation printed; [] when it failed for another reason."""
    return list(dict.fromkeys(name for found in _UNKNOWN[manager].findall(output) for one in found for name in one.split()))
