"""What the standards of Wi-Fi have, as ns-3 knows them: modes by name, and channels. It ends its process when it is asked for others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_DSSS: Final = tuple(f"DsssRate{rate}Mbps" for rate in ("1", "2", "5_5", "11"))
_OFDM_RATES: Final = (6, 9, 12, 18, 24, 36, 48, 54)
_OFDM: Final = tuple(f"OfdmRate{rate}Mbps" for rate in _OFDM_RATES)
_ERP: Final = tuple(f"ErpOfdmRate{rate}Mbps" for rate in _OFDM_RATES)
_HT: Final = tuple(f"HtMcs{index}" for index in range(8))
_VHT: Final = tuple(f"VhtMcs{index}" for index in range(10))
_HE: Final = tuple(f"HeMcs{index}" for index in range(12))

_CHANNELS: Final[dict[str, dict[int, tuple[int, ...]]]] = {
    "BAND_2_4GHZ": {20: tuple(range(1, 14)), 22: tuple(range(1, 15)), 40: tuple(range(3, 12))},
    "BAND_5GHZ": {
        20: (*range(36, 65, 4), *range(100, 145, 4), *range(149, 182, 4)),
        40: (*range(38, 63, 8), *range(102, 143, 8), *range(151, 176, 8)),
        80: (42, 58, 106, 122, 138, 155, 171),
        160: (50, 114, 163),
    },
}


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard.

    Attributes:
        band: as ns-3's ChannelSettings calls it.
        widths: of channels in MHz, the default first.
        modes: names of modes of transmission, with one antenna.
    """

    band: str
    widths: tuple[int, ...]
    modes: tuple[str, ...]

    def channels(self, width: int) -> tuple[int, ...]:
        """Return the numbers of the channels of a width, in MHz."""
        return _CHANNELS[self.band][width]


STANDARDS: Final = {
    "a": Standard("BAND_5GHZ", (20,), _OFDM),
    "b": Standard("BAND_2_4GHZ", (22,), _DSSS),
    "g": Standard("BAND_2_4GHZ", (20,), (*_DSSS, *_ERP)),
    "n": Standard("BAND_2_4GHZ", (20, 40), (*_DSSS, *_ERP, *_HT)),
    "ac": Standard("BAND_5GHZ", (80, 20, 40, 160), (*_OFDM, *_HT, *_VHT)),
    "ax": Standard("BAND_5GHZ", (80, 20, 40, 160), (*_OFDM, *_HT, *_VHT, *_HE)),
}


def wifi_mistakes(standard: str, *, mode: str | None, width: int | None, channel: int | None) -> Iterator[str]:
    """Find what a standard has not.

    Args:
        mode: of transmission, "ErpOfdmRate54Mbps".
        width: of the channel, in MHz.
        channel: its number.
    """
    known = STANDARDS[standard]
    if mode and mode not in known.modes:
        yield f"802.11{standard} has no dataMode {mode!r}: it has {', '.join(known.modes)}"
    if width and width not in known.widths:
        yield f"802.11{standard} has no channels of {width} MHz: channelWidth is one of {', '.join(map(str, sorted(known.widths)))}"
        return
    if mode == "VhtMcs9" and (width or known.widths[0]) == 20:
        yield "VhtMcs9 needs a channelWidth of 40 or more"
    channels = known.channels(width or known.widths[0])
    if channel and channel not in channels:
        of_width = f"of {width or known.widths[0]} MHz"
        yield f"802.11{standard} has no channel {channel} {of_width}: there are {', '.join(map(str, channels))}"


def channel_settings(standard: str, *, width: int | None, channel: int | None) -> str:
    """Return what ns-3's attribute ChannelSettings is set to; the first channel when none is asked for."""
    known = STANDARDS[standard]
    return f"{{{channel or 0}, {width or known.widths[0]}, {known.band}, 0}}"
