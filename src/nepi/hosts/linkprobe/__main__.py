"""Start of the probe: `python3 -I -S .../hosts/linkprobe/__main__.py ORDERS`.

ORDERS is JSON: `interface` (name or index), `token`, `begin_ns` and `end_ns` (monotonic), `trains` (of this end), `slots`,
`snap_bytes`, `whole_sizes`. Both ends are started before `begin_ns`; at `end_ns` each writes its log to standard output.
Exit status LATE: it was not ready in time, and has sent nothing.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started by path: let the sibling modules find each other, under a name that clashes with nothing.
    import importlib.util

    _here = os.path.dirname(os.path.abspath(__file__))
    _spec = importlib.util.spec_from_file_location("nepi_linkprobe", os.path.join(_here, "__init__.py"), submodule_search_locations=[_here])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_linkprobe"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_linkprobe"

import gc
import json
import socket
import time
from typing import Any

from .log import ProbeLog, encode
from .ring import Ring
from .train import Sender, Train, wait_until

LATE = 75
"""EX_TEMPFAIL of sysexits.h: try again."""


def main() -> None:
    """Take in frames, send trains, and tell."""
    orders: dict[str, Any] = json.loads(sys.argv[1])
    where = orders["interface"]
    interface = socket.if_indextoname(where) if isinstance(where, int) else where
    ring = Ring(interface, slots=orders["slots"], snap_bytes=orders["snap_bytes"], whole_sizes=orders["whole_sizes"])
    sender = Sender(interface, orders["token"])
    trains = sorted(Train(*one) for one in orders["trains"])
    gc.disable()
    if time.monotonic_ns() >= orders["begin_ns"]:
        sys.exit(LATE)
    sent = [sender.send(train, orders["begin_ns"]) for train in trains]
    wait_until(orders["end_ns"])
    arrived, dropped, moved_ns = ring.read()
    for piece in encode(ProbeLog(sent, arrived, dropped, moved_ns)):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
