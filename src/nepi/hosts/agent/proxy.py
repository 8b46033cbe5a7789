"""The way from a connection to this machine to a run's agent: standard input and output are bridged to its socket.

Started by path: `python3 -I -S proxy.py RUN_DIR`. What the agent says is cut into lines of a bounded length, which any channel carries:
"+" and a part, "=" and the last part of a message. "!gone <boot id>" says that nobody listens there (any more); then it ends.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys

PART_BYTES = 16_384


def main(run_dir: str) -> int:
    """Bridge until either side ends."""
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.chdir(run_dir)  # the path of a UNIX socket must be shorter than 108 bytes
        agent.connect("agent.sock")
    except OSError:
        say(b"!gone " + boot_id() + b"\n")
        return 3
    say(b"!here\n")
    bridge(agent)
    return 0


def boot_id() -> bytes:
    """Return the kernel's name of the present boot."""
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return file.read().strip()


def say(data: bytes) -> None:
    """Write all of it to standard output."""
    while data:
        data = data[os.write(1, data) :]


def parts(message: bytes) -> bytes:
    """Return the lines that carry one message."""
    cut = [message[at : at + PART_BYTES] for at in range(0, len(message), PART_BYTES)] or [b""]
    return b"".join([b"+" + part + b"\n" for part in cut[:-1]] + [b"=" + cut[-1] + b"\n"])


def bridge(agent: socket.socket) -> None:
    """Carry bytes both ways."""
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ, "in")
    selector.register(agent, selectors.EVENT_READ, "agent")
    heard: list[bytes] = []
    while True:
        for key, _ in selector.select():
            if key.data == "in":
                data = os.read(0, 1 << 16)
                if not data:
                    return
                agent.sendall(data)
                continue
            data = agent.recv(1 << 18)
            if not data:
                say(b"!end\n")
                return
            heard.append(data)
            if b"\n" in data:
                *messages, rest = b"".join(heard).split(b"\n")
                heard = [rest] if rest else []
                say(b"".join(map(parts, messages)))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(1)
