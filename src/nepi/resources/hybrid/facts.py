"""What this machine has for hybrid links, as planning asks for it, and what is said where it is missing."""

from __future__ import annotations

import os
from typing import Any

from nepi.hosts.ns3.taps import REMEDY, TUN


def missing_tun(path: str = TUN) -> str:
    """Return why taps cannot be opened here, with what to do; "" when they can."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{path} cannot be opened ({error.strerror}): {REMEDY}"
    return ""


def probe() -> dict[str, Any]:
    """Return the facts."""
    trouble = missing_tun()
    return {"features": {"tun": not trouble}, "no_tun": trouble}
