"""What this machine has for the backend of hosts, as planning asks for it. What the hosts have is seen when they are reached."""

from __future__ import annotations

import importlib.util
from typing import Any, Final

NO_ASYNCSSH: Final = "hosts are reached by asyncssh, which is not installed: pip install 'nepi[ssh]' (localhost needs it not)"


def probe() -> dict[str, Any]:
    """Return the facts."""
    return {} if importlib.util.find_spec("asyncssh") is not None else {"ssh_missing": NO_ASYNCSSH}
