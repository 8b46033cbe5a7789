"""What ssh(1) asks for a host's key when an experiment gives it: `vouch.py KIND DATA HOST TYPE KEY`, its KnownHostsCommand.

KIND and DATA are what `ssh_options.pinned_key` returns. Prints a line of known_hosts when that key is good. Standard library only.
Source: ssh_config(5), KnownHostsCommand.
"""

from __future__ import annotations

import base64
import hashlib
import sys


def line(kind: str, data: str, host: str, algorithm: str, key: str) -> str:
    """Return what is known of a host; "" when nothing is.

    Args:
        kind: "SHA256" or the algorithm of the key.
        data: the fingerprint, or the key.
        host: as known_hosts calls it.
        algorithm: of the key that the host shows; "NONE" while ssh only wants to know which kind to ask for.
        key: what it shows.
    """
    if kind != "SHA256":
        return f"{host} {kind} {data}\n"
    if key == "NONE":
        return ""
    shown = base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
    return f"{host} {algorithm} {key}\n" if data == f"SHA256:{shown}" else ""


if __name__ == "__main__":
    sys.stdout.write(line(*sys.argv[1:6]))
