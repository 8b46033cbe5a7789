"""Start of the process that holds a simulation: `python3 -I .../hosts/ns3/inside/__main__.py`.

Standard input and output are the conversation; what ns-3 writes there goes to standard error. The first line out is
`{"event": "hello", "version": ...}`, after the import, or `{"event": "failed", "error": ...}`.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started by path: let the sibling modules find each other, under a name that clashes with nothing.
    import importlib.util
    from pathlib import Path

    _here = Path(__file__).resolve().parent
    _spec = importlib.util.spec_from_file_location("nepi_simulation", _here / "__init__.py", submodule_search_locations=[str(_here)])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_simulation"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_simulation"

import signal
import time
from importlib import metadata

from .conversation import Conversation
from .world import World


def main() -> None:
    """Import ns-3, say so, and answer requests until the other side has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    in_fd, out_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    conversation = Conversation(in_fd, out_fd)
    began = time.monotonic()
    try:
        import cppyy
        from ns import ns

        version = metadata.version("ns3")
        world = World(ns, cppyy, version)
    except BaseException as error:
        conversation.say(
            {"event": "failed", "missing": isinstance(error, ModuleNotFoundError), "error": f"{type(error).__name__}: {error}"}
        )
        return
    conversation.say({"event": "hello", "version": version, "import_s": round(time.monotonic() - began, 3), "pid": os.getpid()})
    conversation.hold(world)
    os._exit(0)  # at its regular end C++ takes itself apart in an order that has been seen to crash


main()
