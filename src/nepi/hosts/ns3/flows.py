"""What ns-3's FlowMonitor wrote, as rows: one for each flow of the simulation. Flows that come from outside through a tap are not in it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any

from nepi.errors import TraceError


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One flow: packets of one protocol from one address and port to another. Bytes count IP packets.

    Attributes:
        delay_mean_s, jitter_mean_s: of the packets that arrived; None when none, or fewer than two, did.
        lost_packets: those that did not arrive within 10 s, or were seen being dropped.
    """

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    sent_packets: int
    received_packets: int
    sent_bytes: int
    received_bytes: int
    lost_packets: int
    delay_mean_s: float | None
    jitter_mean_s: float | None


def parse_flows(document: bytes | str) -> tuple[FlowRow, ...]:
    """Return the flows of FlowMonitor's XML, in the order in which they began.

    Raises:
        TraceError: it is no such document.
    """
    try:
        root = ElementTree.fromstring(document)
        who = {one.attrib["flowId"]: one.attrib for one in root.iter("Flow") if "sourceAddress" in one.attrib}
        rows = [_row(one.attrib, who[one.attrib["flowId"]]) for one in root.iterfind("FlowStats/Flow")]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise TraceError(f"this is not what FlowMonitor writes: {type(error).__name__}: {error}") from None
    return tuple(rows)


def _row(counted: Any, who: Any) -> FlowRow:
    received = int(counted["rxPackets"])
    return FlowRow(
        who["sourceAddress"],
        who["destinationAddress"],
        int(who["protocol"]),
        int(who["sourcePort"]),
        int(who["destinationPort"]),
        int(counted["txPackets"]),
        received,
        int(counted["txBytes"]),
        int(counted["rxBytes"]),
        int(counted["lostPackets"]),
        _seconds(counted["delaySum"]) / received if received else None,
        _seconds(counted["jitterSum"]) / (received - 1) if received > 1 else None,
    )


def _seconds(text: str) -> float:
    """Return a time of ns-3's, "+1.5e+07ns"."""
    return float(text.removesuffix("ns")) / 1e9
