"""Which modes and channels a standard of Wi-Fi has."""

from __future__ import annotations

import pytest

from nepi.resources.ns3.high.wifi_modes import STANDARDS, channel_settings, wifi_mistakes


def mistakes(standard: str, *, mode: str | None = None, width: int | None = None, channel: int | None = None) -> list[str]:
    return list(wifi_mistakes(standard, mode=mode, width=width, channel=channel))


@pytest.mark.parametrize(
    ("standard", "mode"),
    [("a", "OfdmRate54Mbps"), ("b", "DsssRate5_5Mbps"), ("g", "ErpOfdmRate6Mbps"), ("n", "HtMcs7"), ("ac", "VhtMcs9"), ("ax", "HeMcs11")],
)
def test_a_standard_has_its_modes(standard: str, mode: str) -> None:
    assert mistakes(standard, mode=mode) == []


def test_a_mode_of_another_standard_is_named_with_those_that_there_are() -> None:
    assert mistakes("b", mode="OfdmRate54Mbps") == [
        "802.11b has no dataMode 'OfdmRate54Mbps': it has DsssRate1Mbps, DsssRate2Mbps, DsssRate5_5Mbps, DsssRate11Mbps"
    ]
    assert len(mistakes("ac", mode="HeMcs3")) == 1


def test_channels_belong_to_widths() -> None:
    assert mistakes("n", width=80) == ["802.11n has no channels of 80 MHz: channelWidth is one of 20, 40"]
    assert mistakes("g", channel=14) == [
        "802.11g has no channel 14 of 20 MHz: there are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13",
    ]
    assert mistakes("b", channel=14) == mistakes("ac", width=160, channel=114) == mistakes("ax", channel=42) == []
    assert mistakes("ac", mode="VhtMcs9", width=20) == ["VhtMcs9 needs a channelWidth of 40 or more"]


def test_ns3_is_told_of_the_channel_with_its_width() -> None:
    assert channel_settings("ac", width=None, channel=None) == "{0, 80, BAND_5GHZ, 0}"
    assert channel_settings("n", width=40, channel=5) == "{5, 40, BAND_2_4GHZ, 0}"
    assert {name: one.widths[0] for name, one in STANDARDS.items()} == {"a": 20, "b": 22, "g": 20, "n": 20, "ac": 80, "ax": 80}
