"""Types of the original's Linux backend that are not here, and why; who asks for one is told."""

from __future__ import annotations

from typing import Final

_CCN: Final = (
    "CCNx 0.8.2 is not built any more: its sources are no longer published where the original fetched them; "
    "run the NDN programs that followed it with linux::Application"
)
_NAMESPACES: Final = "namespaces on a host need no resource of their own: give the netns::Node its host"

GONE: Final[dict[str, str]] = {
    **{f"linux::{name}": _CCN for name in ("CCNApplication", "CCNCat", "CCNContent", "CCND", "CCNPeek", "CCNPing", "CCNPingServer")},
    **{f"linux::{name}": _CCN for name in ("CCNPoke", "CCNR", "FIBEntry")},
    "linux::netns::Emulation": _NAMESPACES,
}
"""Reasons by type; the seed's names without colons (LinuxCCND) are gone with them."""

GONE_ALIASES: Final[dict[str, str]] = {name.replace("::", "", 1).replace("linux", "Linux", 1): why for name, why in GONE.items()}
