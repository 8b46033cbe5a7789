"""The wire process: `python3 -I -S .../hosts/wire/__main__.py [--engine python]`, in the namespace that has the far ends of all links.

Standard input is a socket to the agent: one JSON object a line. It says `{"ready": ...}`, answers each request, which carries an
`id`, in the order in which they come, and says `{"overloaded": [ifindex, ...]}` when it could not keep its promise for the first time.
When that socket ends, so does the process.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started by path: let the sibling modules find each other, under a name that clashes with nothing.
    import importlib.util

    _here = os.path.dirname(os.path.abspath(__file__))
    _spec = importlib.util.spec_from_file_location("nepi_wire", os.path.join(_here, "__init__.py"), submodule_search_locations=[_here])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_wire"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_wire"

import ctypes
import gc
import json
import resource
import socket
from typing import Any

from .choosing import open_engine
from .control import Control
from .priority import be_punctual


def main() -> None:
    """Say that all is ready, and move frames until the agent ends the conversation."""
    control = socket.socket(fileno=os.dup(0))
    control.setblocking(False)
    soft_hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft_hard[1], soft_hard[1]))
    ctypes.CDLL(None).prctl(15, b"nepi-wire", 0, 0, 0)  # PR_SET_NAME, for ps and top
    asked = sys.argv[2] if sys.argv[1:2] == ["--engine"] else ""
    try:
        engine = open_engine(asked)
    except OSError as error:
        _say(control, {"error": f"no packet socket: {error.strerror or error}", "errno": error.errno or 0})
        sys.exit(1)
    punctual = be_punctual()
    gc.collect()
    gc.disable()  # nothing here makes cycles, and a collection would hold up frames
    _say(control, {"ready": {"engine": engine.name, "punctual": punctual}})
    talk = Control(engine)
    heard = b""
    while True:
        overloaded = engine.run(control.fileno())
        if overloaded:
            _say(control, {"overloaded": overloaded})
            continue
        try:
            data = control.recv(1 << 20)
        except BlockingIOError:
            continue
        if not data:
            return
        *lines, heard = (heard + data).split(b"\n")
        for line in lines:
            _say(control, talk.answer(json.loads(line)))


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    control.setblocking(True)
    control.sendall(data)
    control.setblocking(False)


if __name__ == "__main__":
    main()
