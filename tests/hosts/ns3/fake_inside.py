"""What `inside/__main__.py --nursery FD` is, without ns-3: its processes answer "done" to everything, and heed words that end them.

First argument: what this one is to do instead of ns-3's import.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import nepi.hosts.ns3

sys.path.insert(0, str(Path(nepi.hosts.ns3.__file__).parent / "inside"))

from forking import Nursery  # type: ignore[import-not-found]


def say(fd: int, **message: object) -> None:
    os.write(fd, json.dumps(message).encode() + b"\n")


def simulate(told: int, says: int) -> None:
    say(says, event="hello", version="0", import_s=0.0, pid=os.getpid(), folder=str(Path.cwd()))
    for line in os.fdopen(told):
        message = json.loads(line)
        for name, *_ in message["ops"]:
            if name == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "give up":
                print("no more", file=sys.stderr, flush=True)
                os._exit(5)
        links = Path("/proc/self/fd").iterdir()
        files = sorted(str(link.readlink()) for link in links if link.is_symlink())
        say(says, id=message["id"], results=[[files]] * len(message["ops"]))


def rehearse(operations: list[object]) -> None:
    print("rehearsed", len(operations), flush=True)
    if way == "cannot rehearse":
        raise RuntimeError


way, number = sys.argv[1:]
if way == "ends":
    print("no room", file=sys.stderr, flush=True)
    os._exit(7)
if way == "once" and not Path(os.environ["NEPI_TEST_MARK"]).exists():
    Path(os.environ["NEPI_TEST_MARK"]).touch()
    os._exit(8)
if way == "cannot fork":

    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    os.fork = fork
Nursery(socket.socket(fileno=int(number)), simulate, rehearse).serve(idle_s=0.0 if way == "idle" else 60.0)
