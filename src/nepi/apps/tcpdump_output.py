"""What tcpdump said of its capture: that it listens, how much it took and what was lost. The packets are in the pcap file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nepi.apps.output_text import decode, excerpt
from nepi.errors import TraceError

_LISTENING: Final = re.compile(r"^(?:tcpdump: )?listening on (\S+), link-type ([^\s,]+)", re.MULTILINE | re.ASCII)
_COUNT: Final = re.compile(r"^(\d{1,18}) packets? (captured|received by filter|dropped by (?:kernel|interface))$", re.MULTILINE | re.ASCII)
_COMPLAINT: Final = re.compile(r"^tcpdump: (?!listening on |verbose output suppressed|data link type )(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TcpdumpResult:
    """How a capture went. The counts are None until tcpdump has ended by itself, by SIGINT or by SIGTERM.

    Attributes:
        interface: where it listened; "" when it never did.
        link_type: such as "EN10MB".
        captured_packets: packets that tcpdump processed.
        filtered_packets: packets that matched the filter, processed or not ("received by filter").
        dropped_packets: packets lost for want of buffer ("dropped by kernel"): when not 0, the capture has holes.
        interface_dropped_packets: packets that the interface lost; None when tcpdump does not say.
        error: tcpdump's complaint, or "".
        complete: whether the counts were printed.
    """

    interface: str = ""
    link_type: str = ""
    captured_packets: int | None = None
    filtered_packets: int | None = None
    dropped_packets: int | None = None
    interface_dropped_packets: int | None = None
    error: str = ""
    complete: bool = False


def tcpdump_listens(stderr: bytes | str) -> bool:
    """Tell whether tcpdump has said that it listens: from here on packets are captured."""
    text = stderr if isinstance(stderr, str) else stderr.decode(errors="replace")
    return _LISTENING.search(text) is not None


def parse_tcpdump(stderr: bytes | str) -> TcpdumpResult:
    """Return how a capture went.

    Args:
        stderr: tcpdump's standard error; printed packets in it do no harm. It may stop anywhere; a last
            line without its end is not read.

    Raises:
        TraceError: there is something, and nothing of it is tcpdump's.
    """
    text = decode(stderr, "tcpdump")
    text = text[: text.rfind("\n") + 1]
    listening = _LISTENING.search(text)
    counts = {what: int(number) for number, what in _COUNT.findall(text)}
    complaints = _COMPLAINT.findall(text)
    if text.strip() and not (listening or counts or text.startswith("tcpdump: ")):
        raise TraceError(f"tcpdump output, line 1: {excerpt(text.splitlines()[0])} is nothing that tcpdump prints")
    return TcpdumpResult(
        interface=listening[1] if listening else "",
        link_type=listening[2] if listening else "",
        captured_packets=counts.get("captured"),
        filtered_packets=counts.get("received by filter"),
        dropped_packets=counts.get("dropped by kernel"),
        interface_dropped_packets=counts.get("dropped by interface"),
        error=complaints[-1].strip() if complaints else "",
        complete="dropped by kernel" in counts,
    )
