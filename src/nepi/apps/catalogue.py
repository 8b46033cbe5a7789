"""The applications that every backend with hosts has, and how a backend makes its types of them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from nepi.apps.application import Application, Server
from nepi.apps.command_application import CommandApplication
from nepi.apps.dns import DnsClient, DnsServer
from nepi.apps.http import HttpClient, HttpServer
from nepi.apps.iperf3 import Iperf3Client, Iperf3Server
from nepi.apps.irtt import IrttClient, IrttServer
from nepi.apps.mtr import Mtr
from nepi.apps.netcat import NetcatReceiver, NetcatSender
from nepi.apps.nping import NPing
from nepi.apps.ping import Ping
from nepi.apps.routing import Bird, Frr
from nepi.apps.stress import Stress
from nepi.apps.tcp_info import TcpInfo
from nepi.apps.tcpdump import Tcpdump
from nepi.apps.traceroute import Traceroute
from nepi.apps.udp_test import UdpTest
from nepi.apps.video import VideoReceiver, VideoSender
from nepi.execution.resource import ResourceManager
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check

APPLICATIONS: Final[tuple[type[CommandApplication], ...]] = (
    Application,
    Server,
    Bird,
    DnsClient,
    DnsServer,
    Frr,
    HttpClient,
    HttpServer,
    Iperf3Client,
    Iperf3Server,
    IrttClient,
    IrttServer,
    Mtr,
    NPing,
    NetcatReceiver,
    NetcatSender,
    Ping,
    Stress,
    TcpInfo,
    Tcpdump,
    Traceroute,
    UdpTest,
    VideoReceiver,
    VideoSender,
)
"""A new application is a file beside this one, and its class in this list."""


def of_backend(
    backend: str,
    module: str,
    first: type[ResourceManager],
    applications: Iterable[type[CommandApplication]] = APPLICATIONS,
    *,
    aliases: Callable[[str], Iterable[str]] = lambda _name: (),
) -> dict[str, type[CommandApplication]]:
    """Make and register the types `backend::Name` of applications; return them by name.

    Args:
        backend: the part of the types' names before the colons.
        module: the `__name__` of the module that asks.
        first: what the backend's applications have of their own; its methods come before those of the application, its attributes,
            traces and check are added to those that the application has.
        applications: which ones.
        aliases: other names of a type, by its name after the colons.
    """
    made = {}
    for application in applications:
        name = application.__name__
        body = {"__doc__": application.__doc__, "__module__": module, "_help": application.__doc__, **_both(application, first)}
        made[name] = _new_class(application, first, {"rtype": f"{backend}::{name}", "aliases": aliases(name)}, body)
    return made


def _both(application: type[CommandApplication], first: type[ResourceManager]) -> dict[str, Any]:
    """Return the attributes, the traces and the check of both."""
    body: dict[str, Any] = {name: {**getattr(first, name), **getattr(application, name)} for name in ("_attributes", "_traces")}
    checks = [check for check in (application.check, vars(first).get("check") and first.check) if check is not None]
    return body | {"check": staticmethod(_check_by_all(checks))}


def _check_by_all(checks: Sequence[Check]) -> Check:
    def check(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
        return dict.fromkeys(mistake for each in checks for mistake in each(one, peers, facts))

    return check


def _new_class(application: type[CommandApplication], first: type[ResourceManager], names: dict[str, Any], body: dict[str, Any]) -> Any:
    return types.new_class(application.__name__, (first, application), names, lambda namespace: namespace.update(body))
