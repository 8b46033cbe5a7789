"""Stands between a connection and a simulation on this machine: `python3 -I keeper.py FOLDER NOISE SILENCE PROGRAM...`.

PROGRAM is started in FOLDER, its standard error goes to the file NOISE there. Lines of JSON pass in both directions; an empty line only
says that the other side is there, "end" that nothing more comes. When the connection ends, or nobody has said anything for SILENCE
seconds, the program is ended. Whatever ends it, how it did is the last line: `{"event": "exited", "status": ..., "words": ...}`.
Standard library only.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_S = 8.0
"""How long it may take to end after its input has ended."""
LAST_MOMENTS_S = 5.0
BLOCK = 1 << 16
TAIL = 1 << 14


class Keeper:
    """Starts a program and keeps it for as long as somebody is there.

    Args:
        argv: the program.
        folder: where it runs; made when it is missing.
        noise: file for its standard error.
        silence_s: so long nobody may say anything.
    """

    def __init__(self, argv: list[str], folder: Path, noise: Path, silence_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._noise = noise
        self._silence_s = silence_s
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._rest: list[bytes] = []
        with noise.open("wb") as file:
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, cwd=folder)

    def keep(self) -> None:
        """Pass on what is said until the program has ended, and say how."""
        for work in (self._listen, self._tell):
            threading.Thread(target=work, daemon=True).start()
        assert self._process.stdout is not None
        say({"event": "kept", "pid": self._process.pid})
        while data := os.read(self._process.stdout.fileno(), BLOCK):
            put(data)
        status = self._process.wait()
        say({"event": "exited", "status": status, "words": self._last_words()})

    def _last_words(self) -> str:
        try:
            with self._noise.open("rb") as file:
                file.seek(max(file.seek(0, 2) - TAIL, 0))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _listen(self) -> None:
        """Hear what is said, and end the program when nothing is any more. It never waits for the program, which may be busy."""
        while select.select([0], [], [], self._silence_s)[0]:
            data = os.read(0, BLOCK)
            if not data or self._is_end(data):
                break
        self._said.put(None)
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        threading.Event().wait(LAST_MOMENTS_S)  # what is left is to be told; but perhaps nobody hears it
        os._exit(0)

    def _is_end(self, data: bytes) -> bool:
        """Queue whole lines; return whether one said that no more come."""
        self._rest.append(data)
        if b"\n" not in data:
            return False
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest] if rest else []
        for line in lines:
            if line == b"end":
                return True
            if line:
                self._said.put(line + b"\n")
        return False

    def _tell(self) -> None:
        """Hand the program what was said, as fast as it reads."""
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        try:
            while (data := self._said.get()) is not None:
                while data:
                    data = data[os.write(fd, data) :]
        except OSError:  # it has ended
            pass
        self._process.stdin.close()


def put(data: bytes) -> None:
    """Write to the connection; when nobody reads it any more, whoever listens notices that, too."""
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass


def say(message: dict[str, object]) -> None:
    """Write a line of JSON."""
    put(json.dumps(message).encode() + b"\n")


def main() -> None:
    """Keep what the command line says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the end of the connection is noticed by its input
    folder = Path(sys.argv[1])
    Keeper(sys.argv[4:], folder, folder / sys.argv[2], float(sys.argv[3])).keep()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
