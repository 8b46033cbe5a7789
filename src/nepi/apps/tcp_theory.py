"""What a long-lived TCP flow reaches over a link that loses packets by chance, in theory. Pure functions.

Both formulas are of one loss in every 1/p packets, at even distances. Chance makes the distances uneven and costs time-outs, so that
a real flow reaches from half of it to a little more than all.

Sources: M. Mathis et al., "The macroscopic behavior of the TCP congestion avoidance algorithm", 1997; RFC 9438, section 5.1.
"""

from __future__ import annotations

from math import sqrt

CUBIC_C = 0.4
CUBIC_BETA = 0.7


def reno_throughput_bps(*, rtt_s: float, loss: float, mss_bytes: int) -> float:
    """Return the data rate of Reno in bit/s.

    Args:
        rtt_s: round-trip time, > 0.
        loss: part of the packets with data that is lost, in (0, 1).
        mss_bytes: data in each packet.
    """
    return _reno_window(loss) * mss_bytes * 8 / rtt_s


def cubic_throughput_bps(*, rtt_s: float, loss: float, mss_bytes: int) -> float:
    """Return the data rate of CUBIC in bit/s, which is Reno's where that is more; arguments as above."""
    cubic: float = (CUBIC_C * (3 + CUBIC_BETA) / (4 * (1 - CUBIC_BETA))) ** 0.25 * (rtt_s / loss) ** 0.75
    return max(cubic, _reno_window(loss)) * mss_bytes * 8 / rtt_s


def _reno_window(loss: float) -> float:
    return sqrt(1.5 / loss)
