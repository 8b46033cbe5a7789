"""The applications that every backend with hosts has, and how a backend makes its types of them."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, Final

from nepi.apps.application import Application, Server
from nepi.apps.command_application import CommandApplication
from nepi.apps.iperf3 import Iperf3Client, Iperf3Server
from nepi.apps.ping import Ping
from nepi.apps.tcpdump import Tcpdump
from nepi.execution.resource import ResourceManager

APPLICATIONS: Final[tuple[type[CommandApplication], ...]] = (
    Application,
    Server,
    Ping,
    Iperf3Client,
    Iperf3Server,
    Tcpdump,
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
