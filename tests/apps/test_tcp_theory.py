from __future__ import annotations

import pytest

from nepi.apps.tcp_theory import cubic_throughput_bps, reno_throughput_bps


def test_reno_follows_the_square_root_of_loss() -> None:
    # Mathis et al.: 1.22 MSS / (RTT sqrt(p)).
    assert reno_throughput_bps(rtt_s=0.1, loss=0.01, mss_bytes=1448) == pytest.approx(1.2247 * 1448 * 8 / 0.1 / 0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "window"),
    # RFC 9438, table 1 (RTT 0.1 s): AIMD-friendly down to 1e-3, CUBIC's own window below.
    [(1e-2, 12), (1e-3, 39), (1e-4, 187), (1e-5, 1054), (1e-6, 5926)],
)
def test_cubic_has_the_windows_of_its_rfc(loss: float, window: float) -> None:
    assert cubic_throughput_bps(rtt_s=0.1, loss=loss, mss_bytes=1000) * 0.1 / 8000 == pytest.approx(window, rel=0.03)
