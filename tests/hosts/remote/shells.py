"""The shells that a host may have as its /bin/sh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

SHELLS: Final = [
    [path, *arguments]
    for name, *arguments in (("dash",), ("bash", "--posix"), ("busybox", "sh"))
    if (path := shutil.which(name)) is not None
]
LIBRARY: Final = (Path(__file__).parents[3] / "src/nepi/hosts/remote/host.sh").read_text(encoding="utf-8")


def said(shell: list[str], text: bytes, *, env: dict[str, str] | None = None, cwd: Path | None = None) -> bytes:
    """What a program for a shell prints; nothing is expected on standard error."""
    done = subprocess.run(shell, input=text, capture_output=True, env=env, cwd=cwd, timeout=30, check=False)
    assert done.stderr == b""
    return done.stdout
