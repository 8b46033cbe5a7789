"""Record what the real tools print, for the parsers' tests: `unshare -n -m python3 tests/apps/record.py [NAME...]` (root).

Two namespaces, `left` (10.0.0.1, fd00::1) and `right` (10.0.0.2, fd00::2), joined by two taps and a relay that can drop,
repeat and damage frames, so that loss and duplicates come out without netem. Standard output and error go to one file for
each case, as on a host; `index.json` beside them keeps the command and its exit status. Not a test; run by hand.
The cases of `iperf3-3.17` are for such an iperf3, first in PATH: `PATH=... record.py iperf3-3.17`.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "recorded"
Change = Callable[[bytes], list[bytes]]
IPERF = ["iperf3", "-J"]


@dataclass(frozen=True)
class Case:
    """One recording: commands on the right that run beside it, the command on the left, and what the wire does."""

    argv: list[str]
    server: list[str] | None = None
    keep: str = "left"
    relay: Change = field(default=lambda frame: [frame])
    signals: tuple[tuple[float, int], ...] = ()
    server_signals: tuple[tuple[float, int], ...] = ()
    wait_s: float = 0.5
    stdout_only: bool = False


def echo(frame: bytes, kind: int) -> int | None:
    """Return the sequence number of an ICMP echo frame of that kind (8 request, 0 reply), else None."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == kind:
        return int(struct.unpack("!H", frame[40:42])[0])
    return None


def lose(*numbers: int) -> Change:
    return lambda frame: [] if echo(frame, 8) in numbers else [frame]


def repeat(*numbers: int) -> Change:
    return lambda frame: [frame, frame] if echo(frame, 0) in numbers else [frame]


def damage(number: int) -> Change:
    """Change one payload byte of a reply, and the checksum with it."""

    def change(frame: bytes) -> list[bytes]:
        if echo(frame, 0) != number:
            return [frame]
        data = bytearray(frame)
        data[70] ^= 0xFF
        data[36:38] = b"\0\0"
        total = sum(struct.unpack(f"!{(len(data) - 34) // 2}H", bytes(data[34:])))
        total = (total & 0xFFFF) + (total >> 16)
        data[36:38] = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
        return [bytes(data)]

    return change


def lose_every(n: int, *, protocol: int) -> Change:
    seen = 0

    def change(frame: bytes) -> list[bytes]:
        nonlocal seen
        if frame[12:14] == b"\x08\x00" and frame[23] == protocol and len(frame) > 1000:
            seen += 1
            return [] if seen % n == 0 else [frame]
        return [frame]

    return change


def lose_every_small(n: int) -> Change:
    """Lose every n-th UDP packet that goes to the right."""
    seen = 0

    def change(frame: bytes) -> list[bytes]:
        nonlocal seen
        if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[33] == 2:
            seen += 1
            return [] if seen > 4 and seen % n == 0 else [frame]
        return [frame]

    return change


SERVER = ["iperf3", "-s", "-1", "--forceflush"]
JSON_SERVER = ["iperf3", "-s", "-1", "-J"]
CLIENT = [*IPERF, "-c", "10.0.0.2"]
TWICE = ["sh", "-c", "for n in 1 2; do iperf3 -c 10.0.0.2 -t 1 -b 5M; sleep .2; done"]
KILL, INT, TERM, QUIT = signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT
FAST = ["-i", "0.1"]

CASES: dict[str, Case] = {
    "ping/plain": Case(["ping", "-c", "3", *FAST, "10.0.0.2"]),
    "ping/numeric_timestamps": Case(["ping", "-n", "-D", "-c", "3", *FAST, "10.0.0.2"]),
    "ping/by_name": Case(["ping", "-c", "2", *FAST, "localhost"]),
    "ping/from_interface": Case(["ping", "-I", "wire", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/loss": Case(["ping", "-c", "7", *FAST, "-W", "0.5", "10.0.0.2"], relay=lose(2, 3, 6)),
    "ping/loss_timestamps_outstanding": Case(["ping", "-O", "-D", "-c", "4", *FAST, "-W", "0.5", "10.0.0.2"], relay=lose(2)),
    "ping/all_lost": Case(["ping", "-c", "3", *FAST, "-W", "0.3", "10.0.0.2"], relay=lose(1, 2, 3)),
    "ping/duplicates": Case(["ping", "-c", "4", *FAST, "10.0.0.2"], relay=repeat(1, 3)),
    "ping/wrong_data": Case(["ping", "-c", "3", *FAST, "10.0.0.2"], relay=damage(2)),
    "ping/host_unreachable": Case(["ping", "-c", "3", "10.0.0.99"]),
    "ping/host_unreachable_timestamps": Case(["ping", "-D", "-c", "2", "10.0.0.99"]),
    "ping/network_unreachable": Case(["ping", "-c", "2", "192.0.2.1"]),
    "ping/unknown_host": Case(["ping", "-c", "2", "no.such.host.invalid"]),
    "ping/prohibited": Case(["ping", "-c", "2", *FAST, "10.2.0.1"]),
    "ping/ttl_exceeded": Case(["ping", "-D", "-t", "1", "-c", "2", *FAST, "10.1.0.1"]),
    "ping/message_too_long": Case(["ping", "-M", "do", "-s", "2000", "-c", "2", *FAST, "-W", "0.3", "10.0.0.2"]),
    "ping/interrupted": Case(["ping", *FAST, "10.0.0.2"], signals=((0.45, INT),)),
    "ping/terminated": Case(["ping", *FAST, "10.0.0.2"], signals=((0.45, TERM),)),
    "ping/killed": Case(["ping", *FAST, "10.0.0.2"], signals=((0.45, KILL),)),
    "ping/status_asked": Case(["ping", "-c", "5", *FAST, "10.0.0.2"], signals=((0.25, QUIT),)),
    "ping/quiet": Case(["ping", "-q", "-c", "5", *FAST, "10.0.0.2"]),
    "ping/flood": Case(["ping", "-f", "-c", "200", "10.0.0.2"], relay=lose(50, 100)),
    "ping/flood_quiet": Case(["ping", "-f", "-q", "-c", "200", "10.0.0.2"]),
    "ping/preload": Case(["ping", "-l", "3", "-c", "5", *FAST, "10.0.0.2"]),
    "ping/adaptive": Case(["ping", "-A", "-c", "5", "10.0.0.2"]),
    "ping/small_packets": Case(["ping", "-s", "8", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/record_route": Case(["ping", "-R", "-c", "3", *FAST, "10.0.0.2"]),
    "ping/ip_timestamps": Case(["ping", "-T", "tsandaddr", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/verbose": Case(["ping", "-v", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/pattern": Case(["ping", "-p", "ff00", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/latency_user": Case(["ping", "-U", "-c", "2", *FAST, "10.0.0.2"]),
    "ping/deadline": Case(["ping", "-w", "1", *FAST, "10.0.0.2"], relay=lose(*range(4, 99))),
    "ping/six": Case(["ping", "-6", "-c", "3", *FAST, "fd00::2"]),
    "ping/six_numeric_timestamps": Case(["ping", "-n", "-D", "-c", "2", *FAST, "fd00::2"]),
    "ping/six_unreachable": Case(["ping", "-c", "2", "fd00::99"]),
    "ping/six_network_unreachable": Case(["ping", "-c", "2", "2001:db8::1"]),
    "ping/six_link_local": Case(["ping", "-c", "2", *FAST, "fe80::2%wire"]),
    "ping/bad_option": Case(["ping", "-c", "nonsense", "10.0.0.2"]),
    "iperf3/tcp": Case([*CLIENT, "-t", "2", "-b", "20M"], SERVER),
    "iperf3/tcp_retransmits": Case([*CLIENT, "-t", "2", "-C", "cubic"], SERVER, relay=lose_every(100, protocol=6)),
    "iperf3/tcp_reverse": Case([*CLIENT, "-t", "2", "-R"], SERVER, relay=lose_every(200, protocol=6)),
    "iperf3/tcp_parallel": Case([*CLIENT, "-t", "1", "-P", "3", "-i", "0.5"], SERVER),
    "iperf3/tcp_bidir": Case([*CLIENT, "-t", "1", "--bidir", "-b", "10M"], SERVER),
    "iperf3/tcp_bidir_parallel": Case([*CLIENT, "-t", "1", "--bidir", "-P", "2", "-b", "10M"], SERVER),
    "iperf3/tcp_omit": Case([*CLIENT, "-t", "2", "-O", "1", "-b", "20M"], SERVER),
    "iperf3/tcp_bytes": Case([*CLIENT, "-n", "1000000"], SERVER),
    "iperf3/tcp_six": Case([*IPERF, "-6", "-c", "fd00::2", "-t", "1", "-b", "10M"], SERVER),
    "iperf3/udp": Case([*CLIENT, "-u", "-b", "5M", "-t", "2"], SERVER),
    "iperf3/udp_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "2"], SERVER, relay=lose_every(10, protocol=17)),
    "iperf3/udp_reverse_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "2", "-R"], SERVER, relay=lose_every(10, protocol=17)),
    "iperf3/udp_bidir_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "1", "--bidir"], SERVER, relay=lose_every(10, protocol=17)),
    "iperf3/udp_parallel_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "1", "-P", "2"], SERVER, relay=lose_every(10, protocol=17)),
    "iperf3/udp_omit_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "2", "-O", "1"], SERVER, relay=lose_every(10, protocol=17)),
    "iperf3/udp_reverse_omit_loss": Case(
        [*CLIENT, "-u", "-b", "5M", "-t", "2", "-R", "-O", "1"], SERVER, relay=lose_every(10, protocol=17)
    ),
    "iperf3/udp_all_lost": Case([*CLIENT, "-u", "-b", "5M", "-t", "1"], SERVER, relay=lose_every(1, protocol=17)),
    "iperf3/refused": Case([*CLIENT, "-t", "1"]),
    "iperf3/no_route": Case([*IPERF, "-c", "192.0.2.1", "-t", "1"]),
    "iperf3/unknown_host": Case([*IPERF, "-c", "no.such.host.invalid", "-t", "1"]),
    "iperf3/connect_timeout": Case([*IPERF, "-c", "10.0.0.99", "-t", "1", "--connect-timeout", "300"]),
    "iperf3/bad_option": Case([*CLIENT, "-t", "1", "-P", "500"]),
    "iperf3/bad_congestion": Case([*CLIENT, "-t", "1", "-C", "nonsense"], SERVER),
    "iperf3/interrupted": Case([*CLIENT, "-t", "10", "-b", "5M"], SERVER, signals=((2.5, INT),)),
    "iperf3/interrupted_reverse": Case([*CLIENT, "-t", "10", "-b", "5M", "-R"], SERVER, signals=((2.5, INT),)),
    "iperf3/interrupted_udp": Case([*CLIENT, "-u", "-t", "10", "-b", "5M"], SERVER, signals=((2.5, TERM),)),
    "iperf3/interrupted_bidir": Case([*CLIENT, "-t", "10", "-b", "5M", "--bidir"], SERVER, signals=((2.5, INT),)),
    "iperf3/killed": Case([*CLIENT, "-t", "10", "-b", "5M"], SERVER, signals=((1.5, KILL),)),
    "iperf3/server_died": Case([*CLIENT, "-t", "10", "-b", "5M"], SERVER, server_signals=((2.0, KILL),)),
    "iperf3/server_interrupted": Case([*CLIENT, "-t", "10", "-b", "5M"], SERVER, server_signals=((2.0, INT),)),
    "iperf3/busy": Case([*CLIENT, "-t", "1"], ["sh", "-c", "iperf3 -s -1 >/dev/null & sleep .3; iperf3 -c 127.0.0.1 -t 4 >/dev/null"]),
    "iperf3/at_server_tcp": Case([*CLIENT, "-t", "2", "-b", "20M"], JSON_SERVER, keep="right"),
    "iperf3/at_server_tcp_reverse": Case([*CLIENT, "-t", "2", "-R", "-b", "20M"], JSON_SERVER, keep="right"),
    "iperf3/at_server_udp_loss": Case([*CLIENT, "-u", "-b", "5M", "-t", "1"], JSON_SERVER, "right", lose_every(10, protocol=17)),
    "iperf3/at_server_bidir": Case([*CLIENT, "-t", "1", "--bidir", "-b", "10M"], JSON_SERVER, keep="right"),
    "iperf3/at_server_text": Case([*CLIENT, "-t", "2", "-b", "20M"], SERVER, keep="right"),
    "iperf3/at_server_twice": Case(
        TWICE,
        ["iperf3", "-s", "-J"],
        keep="right",
        server_signals=((3.5, INT),),
    ),
    "iperf3/at_server_twice_killed": Case(
        TWICE,
        ["iperf3", "-s", "-J"],
        keep="right",
        server_signals=((3.5, KILL),),
    ),
    "iperf3/at_server_twice_killed_forceflush": Case(
        TWICE,
        ["iperf3", "-s", "-J", "--forceflush"],
        keep="right",
        server_signals=((3.5, KILL),),
    ),
    "iperf3/at_server_client_died": Case([*CLIENT, "-t", "9", "-b", "5M"], JSON_SERVER, "right", signals=((2.0, KILL),)),
    "iperf3/at_server_port_taken": Case(["sleep", "1"], ["sh", "-c", "iperf3 -s >/dev/null & sleep .3; iperf3 -s -J; kill $!"], "right"),
    "tcpdump/text": Case(["tcpdump", "-l", "-n", "-i", "wire", "-c", "4", "icmp"], ["ping", "-c", "3", *FAST, "10.0.0.1"]),
    "tcpdump/terminated": Case(
        ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-i", "wire", "-w", "/dev/null", "icmp"],
        ["ping", "-c", "3", *FAST, "10.0.0.1"],
        signals=((1.5, TERM),),
    ),
    "tcpdump/killed": Case(["tcpdump", "-i", "wire", "-w", "/dev/null"], signals=((0.5, KILL),)),
    "tcpdump/no_interface": Case(["tcpdump", "-i", "nonsense", "-w", "/dev/null"]),
    "tcpdump/bad_expression": Case(["tcpdump", "-i", "wire", "-w", "/dev/null", "tcp port nonsense word"]),
    "tcpdump/unwritable": Case(["tcpdump", "-i", "wire", "-w", "/no/such/folder/x.pcap"]),
}

IRTT = ["irtt", "client", "-Q", "-i", "20ms", "-d", "200ms", "-l", "64", "-o", "-"]
CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}\\n"]
DNS = ["dnsmasq", "-d", "-C", "/dev/null", "-R", "-h", "--address=/www.test/10.0.0.2", "--address=/www.test/fd00::2"]
DIG = ["dig", "-r", "@10.0.0.2", "+tries=1", "+time=1"]
SS = ["sh", "-c", "iperf3 -c 10.0.0.2 -t 2 -b 5M -P 2 >/dev/null & sleep 1; ss -tinOH; sleep .5; ss -tinOH"]
PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=2"]
VIDEO = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "repeat+level+error", "-nostats", "-progress", "pipe:1"]
SEND = [*VIDEO, *PICTURE, "-c:v", "mpeg2video", "-b:v", "500k", "-g", "12", "-f", "mpegts", "udp://10.0.0.2:5004?pkt_size=1316"]
RECEIVE = [*VIDEO, "-i", "udp://10.0.0.2:5004?timeout=1000000&overrun_nonfatal=1", "-f", "null", "-"]

CASES |= {
    "traceroute/plain": Case(["traceroute", "10.0.0.2"]),
    "traceroute/numeric": Case(["traceroute", "-n", "-q", "2", "10.1.0.1"]),
    "traceroute/loop": Case(["traceroute", "-n", "-m", "5", "10.1.0.1"]),
    "traceroute/prohibited": Case(["traceroute", "-n", "-q", "1", "10.2.0.1"]),
    "traceroute/silent": Case(["traceroute", "-n", "-m", "2", "-w", "0.3", "10.0.0.2"], relay=lambda frame: []),
    "traceroute/icmp": Case(["traceroute", "-I", "-n", "10.0.0.2"]),
    "traceroute/tcp": Case(["traceroute", "-T", "-p", "80", "-n", "10.0.0.2"]),
    "traceroute/six": Case(["traceroute", "-6", "-n", "fd00::2"]),
    "traceroute/unknown_host": Case(["traceroute", "no.such.host.invalid"]),
    "traceroute/no_route": Case(["traceroute", "-n", "192.0.2.1"]),
    "traceroute/repeated": Case(
        ["sh", "-c", "for i in 1 2; do date +@%s.%N; traceroute -n -q 1 10.0.0.2; done"],
    ),
    "mtr/plain": Case(["mtr", "--json", "-n", "-c", "3", "-i", "0.2", "10.0.0.2"]),
    "mtr/by_name": Case(["mtr", "--json", "-c", "2", "-i", "0.2", "localhost"]),
    "mtr/loop": Case(["mtr", "--json", "-n", "-c", "2", "-i", "0.2", "-m", "3", "10.1.0.1"]),
    "mtr/silent": Case(["mtr", "--json", "-n", "-c", "2", "-i", "0.2", "-m", "2", "-G", "0.2", "10.0.0.2"], relay=lambda frame: []),
    "mtr/udp": Case(["mtr", "--json", "-n", "-u", "-c", "2", "-i", "0.2", "10.0.0.2"]),
    "mtr/six": Case(["mtr", "--json", "-n", "-c", "2", "-i", "0.2", "fd00::2"]),
    "mtr/unknown_host": Case(["mtr", "--json", "-n", "-c", "2", "no.such.host.invalid"]),
    "mtr/interrupted": Case(["mtr", "--json", "-n", "-c", "20", "-i", "0.5", "10.0.0.2"], signals=((1.2, INT),)),
    "nping/icmp": Case(["nping", "--icmp", "-c", "3", "--delay", "100ms", "10.0.0.2"]),
    "nping/icmp_loss": Case(["nping", "--icmp", "-c", "3", "--delay", "100ms", "10.0.0.2"], relay=lose(2)),
    "nping/tcp": Case(["nping", "--tcp", "-p", "80", "-c", "2", "--delay", "100ms", "10.0.0.2"]),
    "nping/udp": Case(["nping", "--udp", "-p", "9999", "-c", "2", "--delay", "100ms", "10.0.0.2"]),
    "nping/arp": Case(["nping", "--arp", "-c", "2", "--delay", "100ms", "10.0.0.2"]),
    "nping/traceroute": Case(["nping", "--icmp", "--tr", "-c", "3", "--delay", "100ms", "10.1.0.1"]),
    "nping/unknown_host": Case(["nping", "--icmp", "-c", "1", "no.such.host.invalid"]),
    "nping/interrupted": Case(["nping", "--icmp", "-c", "100", "--delay", "100ms", "10.0.0.2"], signals=((0.8, INT),)),
    "nping/silent": Case(["nping", "--icmp", "-c", "2", "--delay", "100ms", "10.0.0.2"], relay=lambda frame: []),
    "irtt/plain": Case([*IRTT, "10.0.0.2"], ["irtt", "server"], stdout_only=True),
    "irtt/loss": Case([*IRTT, "10.0.0.2"], ["irtt", "server"], relay=lose_every_small(4), stdout_only=True),
    "irtt/refused": Case([*IRTT, "--timeouts=200ms", "10.0.0.2"], stdout_only=True),
    "irtt/interrupted": Case([*IRTT, "-d", "9s", "10.0.0.2"], ["irtt", "server"], signals=((0.5, INT),), stdout_only=True),
    "http/plain": Case([*CURL, "http://10.0.0.2:8000/"], ["python3", "-m", "http.server", "-d", "/usr/share/doc/curl", "8000"]),
    "http/several": Case(
        [*CURL[:2], "-w", CURL[-1], *["-o", "/dev/null", "http://10.0.0.2:8000/copyright"] * 3],
        ["python3", "-m", "http.server", "-d", "/usr/share/doc/curl", "8000"],
    ),
    "http/missing": Case([*CURL, "http://10.0.0.2:8000/none"], ["python3", "-m", "http.server", "-d", "/usr/share/doc/curl", "8000"]),
    "http/refused": Case([*CURL, "http://10.0.0.2:8000/"], stdout_only=True),
    "dns/plain": Case([*DIG, "www.test", "A"], DNS),
    "dns/six": Case([*DIG, "www.test", "AAAA"], DNS),
    "dns/several": Case([*DIG, "www.test", "A", "www.test", "AAAA", "none.invalid", "A"], DNS),
    "dns/refused_name": Case([*DIG, "none.invalid", "A"], DNS),
    "dns/silent": Case([*DIG, "www.test", "A"]),
    "dns/unknown_server": Case(["dig", "-r", "@no.such.host.invalid", "www.test"]),
    "ss/two_flows": Case(SS, SERVER, relay=lose_every(50, protocol=6)),
    "ss/none": Case(["ss", "-tinOH"]),
    "stress-ng/cpu": Case(["stress-ng", "--cpu", "1", "--timeout", "1s", "--metrics-brief"]),
    "stress-ng/cpu_memory": Case(["stress-ng", "--cpu", "1", "--vm", "1", "--vm-bytes", "8M", "--timeout", "1s", "--metrics-brief"]),
    "stress-ng/interrupted": Case(["stress-ng", "--cpu", "1", "--timeout", "9s", "--metrics-brief"], signals=((1.0, INT),)),
    "stress-ng/bad": Case(["stress-ng", "--cpu", "nonsense"]),
    "ffmpeg/sender": Case(SEND, stdout_only=True),
    "ffmpeg/receiver": Case(["sh", "-c", 'sleep .5; exec "$@"', "sh", *SEND], RECEIVE, keep="right", wait_s=0),
    "ffmpeg/receiver_loss": Case(
        ["sh", "-c", 'sleep .5; exec "$@"', "sh", *SEND], RECEIVE, keep="right", relay=lose_every(20, protocol=17), wait_s=0
    ),
    "ffmpeg/receiver_nothing": Case(["true"], RECEIVE, keep="right", wait_s=0),
}

NEWER = (
    "tcp",
    "tcp_reverse",
    "tcp_bidir",
    "tcp_parallel",
    "udp_loss",
    "udp_reverse_loss",
    "udp_omit_loss",
    "udp_bidir_loss",
    "udp_all_lost",
)
NEWER_TOO = (
    "refused",
    "interrupted",
    "interrupted_udp",
    "server_interrupted",
    "server_died",
    "at_server_tcp",
    "at_server_udp_loss",
    "tcp_omit",
)
CASES |= {f"iperf3-3.17/{name}": CASES[f"iperf3/{name}"] for name in NEWER + NEWER_TOO}
CASES |= {
    "iperf3-3.17/stream_tcp": Case([*CLIENT, "--json-stream", "-t", "2", "-b", "20M"], SERVER),
    "iperf3-3.17/stream_interrupted": Case([*CLIENT, "--json-stream", "-t", "9", "-b", "5M"], SERVER, signals=((2.5, INT),)),
    "iperf3-3.17/stream_killed": Case([*CLIENT, "--json-stream", "-t", "9", "-b", "5M"], SERVER, signals=((2.5, KILL),)),
    "iperf3-3.17/stream_refused": Case([*CLIENT, "--json-stream", "-t", "9"]),
}

relay_change: Change = lambda frame: [frame]  # noqa: E731  replaced before each case


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


def open_tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH", name.encode(), 0x0002 | 0x1000))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
    return descriptor


def relay(ends: dict[int, int]) -> None:
    while True:
        for descriptor in select.select(list(ends), [], [])[0]:
            for frame in relay_change(os.read(descriptor, 65536)):
                os.write(ends[descriptor], frame)


def build() -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
    descriptors = []
    for number, side in enumerate(("left", "right"), start=1):
        descriptors.append(open_tap(f"tap{number}"))
        ip(f"netns add {side}")
        ip(f"link set tap{number} netns {side}")
        subprocess.run(["ip", "netns", "exec", side, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0"], check=True)
        subprocess.run(["ip", "netns", "exec", side, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"], check=True)
        ip(f"-n {side} link set tap{number} name wire")
        for setting in (f"address 02:00:00:00:00:0{number}", "addrgenmode none", "up"):
            ip(f"-n {side} link set wire {setting}")
        ip(f"-n {side} link set lo up")
        ip(f"-n {side} address add 10.0.0.{number}/24 dev wire")
        ip(f"-n {side} address add fd00::{number}/64 dev wire nodad")
        ip(f"-n {side} address add fe80::{number}/64 dev wire nodad")
    for number, side in ((2, "left"), (1, "right")):
        ip(f"-n {side} neighbour add 10.0.0.{number} lladdr 02:00:00:00:00:0{number} dev wire")
    ip("-n left route add 10.1.0.0/24 via 10.0.0.2")
    ip("-n left route add 10.2.0.0/24 via 10.0.0.2")
    ip("-n right route add 10.1.0.0/24 via 10.0.0.1")
    ip("-n right route add prohibit 10.2.0.0/24")
    subprocess.run(["ip", "netns", "exec", "right", "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
    threading.Thread(target=relay, args=({descriptors[0]: descriptors[1], descriptors[1]: descriptors[0]},), daemon=True).start()


def start(
    side: str, argv: list[str], output: Path, signals: tuple[tuple[float, int], ...], stdout_only: bool = False
) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    with output.open("wb") as stream:
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{side}", *argv],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.DEVNULL if stdout_only else stream,
            env=environment,
            start_new_session=True,
        )
    for delay, number in signals:
        threading.Timer(delay, process.send_signal, (number,)).start()
    return process


def record(name: str, case: Case) -> dict[str, object]:
    global relay_change
    relay_change = case.relay
    output, other = FOLDER / f"{name}.txt", Path("/dev/null")
    output.parent.mkdir(parents=True, exist_ok=True)
    files = (output, other) if case.keep == "left" else (other, output)
    server = start("right", case.server, files[1], case.server_signals) if case.server else None
    time.sleep(case.wait_s if case.server and case.server[0] != "ping" else 0)
    status = start("left", case.argv, files[0], case.signals, case.stdout_only).wait(30)
    if server:
        if case.keep == "right":
            status = server.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, KILL)
        server.wait(30)
    return {"argv": case.argv if case.keep == "left" else case.server, "status": status}


def main() -> None:
    build()
    index_file = FOLDER / "index.json"
    index = json.loads(index_file.read_text()) if index_file.exists() else {}
    asked = sys.argv[1:] or ["ping", "iperf3", "tcpdump"]
    for name in [name for name in CASES if name in asked or name.partition("/")[0] in asked]:
        index[name] = record(name, CASES[name])
        print(name, index[name]["status"], flush=True)
    index_file.write_text("{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(index[k])}" for k in sorted(index)) + "\n}\n")


if __name__ == "__main__":
    main()
