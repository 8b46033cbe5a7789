"""The applications that every backend with hosts has, and how a backend makes its types of them."""

from __future__ import annotations

import types
from collections.abc import Iterable
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
    backend: str, module: str, first: type[ResourceManager], applications: Iterable[type[CommandApplication]] = APPLICATIONS
) -> dict[str, type[CommandApplication]]:
    """Make and register the types `backend::Name` of applications; return them by name.

    Args:
        backend: the part of the types' names before the colons.
        module: the `__name__` of the module that asks.
        first: what the backend's applications have of their own; its methods come before those of the application.
        applications: which ones.
    """
    made = {}
    for application in applications:
        body = {"__doc__": application.__doc__, "__module__": module, "_help": application.__doc__}
        rtype = f"{backend}::{application.__name__}"
        made[application.__name__] = _new_class(application, first, rtype, body)
    return made


def _new_class(application: type[CommandApplication], first: type[ResourceManager], rtype: str, body: dict[str, Any]) -> Any:
    return types.new_class(application.__name__, (first, application), {"rtype": rtype}, lambda namespace: namespace.update(body))
