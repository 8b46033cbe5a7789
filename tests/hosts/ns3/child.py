"""A real simulation process, spoken to without a loop, so that tests of a module can share one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.ns3.start import INSIDE


class Child:
    """The process. Its numbers of objects are given by `number`."""

    def __init__(self, stderr: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nepi-")
        self._words = stderr.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(INSIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            cwd=self._folder.name,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        self._id = self._number = 0
        self.greeting = self.hear()

    def number(self) -> int:
        self._number += 1
        return self._number

    @property
    def last_id(self) -> int:
        return self._id

    def hear(self) -> dict[str, Any]:
        line = self._stdout.readline()
        return json.loads(line) if line else {"event": "gone"}

    def send(self, *operations: Operation) -> None:
        self._id += 1
        self._stdin.write(json.dumps({"id": self._id, "ops": operations}).encode() + b"\n")
        self._stdin.flush()

    def ask(self, *operations: Operation) -> list[Any]:
        """Return the answers; a refusal is its text, with "refused: " before it."""
        self.send(*operations)
        message = self.hear()
        assert message.get("id") == self._id, message
        return [one[0] if isinstance(one, list) else f"refused: {one['error']}" for one in message["results"]]

    def close(self) -> int:
        """Close the conversation, and return the exit status."""
        self._stdin.close()
        self._stdout.close()
        status = self.process.wait(30)
        self._words.close()
        self._folder.cleanup()
        return status
