"""The user-space link: what it adds to the delay, how many packets it moves, how soon a change holds; beside a bare veth in the same run.

Frames are sent and taken by this program itself, in two nodes. `rtt` is ping's, for 10 ms each way; `added` is the time between the send
call and the kernel's stamp of arrival, less the 10 ms that were asked for, at 10,000 packets a second (of a bare veth: all of it);
`ceiling` is the highest rate of frames at which not one in a thousand is lost for a second, the sender on the one core and the link on the
other; `TCP` is iperf3's goodput without any shape, packet by packet (offloads off, as on every user-space link).

    python bench/user_space_link.py [--engines compiled,python,veth] [--rootless] [--seconds 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepi.hosts.namespace import NamespaceSession
    from nepi.hosts.namespace_host import NamespaceHost

ENGINES = ("compiled", "python", "veth")
DELAY_S = 0.01
PACED_PER_S = 10_000
CHANGES = 10
SIZES = (64, 1514)
HEADERS = 42  # of Ethernet, IP and UDP
PORT = 7007
ASKED = {"rtt_ms": 20.3, "added_p99_ms": 0.2, "packets_per_s_1514": 83_000, "change_ms": 5.0}
_STAMP = struct.Struct("=q")
_TIMESPEC = struct.Struct("=qq")


# -- what runs in the nodes: `--part NAME ARGUMENT...`


def send_paced(address: str, per_s: str, seconds: str, size: str) -> None:
    """Send UDP packets at even times, each with the time of its sending."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect((address, PORT))
    rest = bytes(int(size) - HEADERS - _STAMP.size)
    gap_ns = 10**9 // int(per_s)
    start = time.time_ns()
    for number in range(int(float(seconds) * int(per_s))):
        while time.time_ns() < start + number * gap_ns:
            pass
        out.send(_STAMP.pack(time.time_ns()) + rest)


def take_stamped(path: str) -> None:
    """Write (sent, arrived) of each UDP packet, in nanoseconds of the clock; end when none has come for a second."""
    taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taker.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    taker.bind(("", PORT))
    found = bytearray()
    taker.settimeout(10.0)
    try:
        while True:
            data, extra, _, _ = taker.recvmsg(2048, 64)
            seconds, nanoseconds = _TIMESPEC.unpack(extra[0][2])
            found += data[: _STAMP.size] + _STAMP.pack(seconds * 10**9 + nanoseconds)
            taker.settimeout(1.0)
    except TimeoutError:
        Path(path).write_bytes(found)


def send_frames(per_s: str, seconds: str, size: str) -> None:
    """Send Ethernet frames that no protocol takes, as many each millisecond; print how many that were, and in which time."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("eth0", 0))
    out.setsockopt(263, 20, 1)  # PACKET_QDISC_BYPASS
    frame = bytes.fromhex("020000000001 020000000002 88b5").ljust(int(size), b"\0")
    sent, start, until = 0, time.monotonic(), float(seconds)
    while (now := time.monotonic() - start) < until:
        for _ in range(int(now * int(per_s)) - sent):
            out.send(frame)
            sent += 1
        time.sleep(0.0005)
    print(sent, time.monotonic() - start)


PARTS = {"send_paced": send_paced, "take_stamped": take_stamped, "send_frames": send_frames}


async def part(host: NamespaceHost, name: str, *arguments: object) -> str:
    """Run one of these in a node; return what it printed."""
    done = await host.run([sys.executable, __file__, "--part", name, *map(str, arguments)], deadline_s=60)
    if done.exit.status != 0:
        raise SystemExit(f"{name}: {done.stderr.decode()}")
    return done.stdout.decode()


# -- what is measured


async def round_trip(a: NamespaceHost) -> dict[str, float]:
    """Return ping's shortest, average and longest time, in milliseconds."""
    await a.run(["ping", "-n", "-c", "1", "10.0.0.2"])  # whose address has to be found out first
    done = await a.run(["ping", "-n", "-q", "-c", "300", "-i", "0.01", "10.0.0.2"])
    found = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", done.stdout.decode())
    assert found is not None, done.stdout
    return {"rtt_min_ms": float(found[1]), "rtt_avg_ms": float(found[2]), "rtt_max_ms": float(found[3])}


async def stamps(a: NamespaceHost, b: NamespaceHost, folder: Path, seconds: float, size: int) -> list[tuple[int, int]]:
    """Send evenly from a to b; return when each packet was sent and arrived."""
    path = folder / "stamps"
    taker = await b.start([sys.executable, __file__, "--part", "take_stamped", str(path)], stdout=folder / "taker")
    await b.wait_listening(PORT, protocol="udp", process=taker)
    await part(a, "send_paced", "10.0.0.2", PACED_PER_S, seconds, size)
    await taker.wait()
    return list(struct.iter_unpack("=qq", path.read_bytes()))


async def added(a: NamespaceHost, b: NamespaceHost, folder: Path, seconds: float, size: int, delay_s: float) -> dict[str, float]:
    """Return what the way took more than the delay, in milliseconds."""
    found = [(arrived - sent) / 1e6 - delay_s * 1e3 for sent, arrived in await stamps(a, b, folder, seconds, size)]
    cuts = statistics.quantiles(found, n=1000)
    return {f"added_p50_ms_{size}": cuts[499], f"added_p99_ms_{size}": cuts[989], f"added_max_ms_{size}": max(found)}


async def changes(session: NamespaceSession, a: NamespaceHost, b: NamespaceHost, folder: Path) -> dict[str, float]:
    """Return the milliseconds between the call that changes the delay and the first packet that was sent and has the new one."""
    from nepi.hosts.namespace import Shape

    asked: list[tuple[int, float]] = []

    async def change_now_and_then() -> None:
        await asyncio.sleep(1.0)
        for number in range(CHANGES):
            delay_s = (0.03, 0.01)[number % 2]
            asked.append((time.time_ns(), delay_s))
            await session.shape("a", "eth0", Shape(delay_s=delay_s))
            await asyncio.sleep(0.1)

    task = asyncio.create_task(change_now_and_then())
    found = await stamps(a, b, folder, 4.0, 100)
    await task
    took = []
    for at, delay_s in asked:
        first = next(sent for sent, arrived in found if sent >= at and abs((arrived - sent) / 1e9 - delay_s) < 0.005)
        took.append((first - at) / 1e6)
    return {"change_p50_ms": statistics.median(took), "change_max_ms": max(took)}


async def frames_moved(b: NamespaceHost) -> int:
    """Return how many frames have arrived at b."""
    done = await b.run(["ip", "-j", "-s", "link", "show", "eth0"])
    return int(json.loads(done.stdout)[0]["stats64"]["rx"]["packets"])


async def ceiling(a: NamespaceHost, b: NamespaceHost, seconds: float, size: int, steps: float) -> dict[str, float]:
    """Return the most frames a second of which not one in a thousand is lost, found in `steps`."""
    low, high, best = 10_000, 400_000, 0.0
    while high / low > steps:
        rate = round((low * high) ** 0.5)
        before = await frames_moved(b)
        sent, took = map(float, (await part(a, "send_frames", rate, seconds, size)).split())
        await asyncio.sleep(0.3)  # what waits comes through
        moved = await frames_moved(b) - before
        if moved >= 0.999 * sent:
            best = max(best, sent / took)
            low = rate
            if sent / took < 0.9 * rate:
                break  # the sender cannot do more
        else:
            high = rate
    return {f"packets_per_s_{size}": round(best)}


async def tcp(a: NamespaceHost, b: NamespaceHost, folder: Path, seconds: float) -> dict[str, float]:
    """Return iperf3's goodput."""
    server = await b.start(["iperf3", "-s", "-1"], stdout=folder / "iperf3")
    await b.wait_listening(5201, process=server)
    done = await a.run(["iperf3", "-c", "10.0.0.2", "-C", "cubic", "-t", str(max(seconds, 1.0)), "-J"])
    rate_bps = json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]
    return {"tcp_gbps": round(rate_bps / 1e9, 3)}


async def measure(engine: str, folder: Path, *, rootless: bool, seconds: float, steps: float) -> dict[str, Any]:
    """Return all figures of one kind of link."""
    from nepi.execution.ledger import Ledger
    from nepi.hosts.namespace import NamespaceSession, Shape, VethEnd

    with Ledger(folder / "ledger.sqlite") as ledger:
        session = await NamespaceSession.open(folder, ledger, rootless=rootless)
        try:
            a, b = await asyncio.gather(session.node("a"), session.node("b"))
            ends = [VethEnd(name, "eth0", addresses=(f"10.0.0.{n}/24",), offloads=False) for n, name in ((1, "a"), (2, "b"))]
            is_veth = engine == "veth"
            session.wire.engine = "" if is_veth else engine
            await session.veth(*ends, userspace=not is_veth)
            delay_s = 0.0 if is_veth else DELAY_S
            figures: dict[str, Any] = {"engine": engine, "rootless": rootless, **session.wire.says}
            if not is_veth:
                await asyncio.gather(*(session.shape(place, "eth0", Shape(delay_s=DELAY_S)) for place in ("a", "b")))
            figures |= await round_trip(a)
            for size in SIZES:
                figures |= await added(a, b, folder, seconds, size, delay_s)
            if not is_veth:
                figures |= await changes(session, a, b, folder)
                await asyncio.gather(*(session.shape(place, "eth0", None) for place in ("a", "b")))
            for size in SIZES:
                figures |= await ceiling(a, b, seconds, size, steps)
            return figures | await tcp(a, b, folder, seconds)
        finally:
            await session.close()


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(
        f"asked: rtt {ASKED['rtt_ms']} ms; added p99 {ASKED['added_p99_ms']} ms at {PACED_PER_S} packets/s; "
        f"{ASKED['packets_per_s_1514']} packets/s of 1514 bytes; change {ASKED['change_ms']} ms"
    )
    names = [name for name in rows[0] if name not in ("engine", "rootless", "punctual")]
    names += [name for row in rows for name in row if name not in names and name not in ("engine", "rootless", "punctual")]
    print(f"{'':22}" + "".join(f"{row['engine'] + (' rootless' if row['rootless'] else ''):>20}" for row in rows))
    for name in names:
        values = [row.get(name) for row in rows]
        shown = [
            "-" if value is None else f"{value:.3f}" if name.endswith(("ms", "ms_64", "ms_1514", "gbps")) else f"{value:,}"
            for value in values
        ]
        print(f"{name:22}" + "".join(f"{text:>20}" for text in shown))


def main() -> None:
    """Run what the command line asks for."""
    if sys.argv[1:2] == ["--part"]:
        PARTS[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engines", default="", help=f"some of {','.join(ENGINES)}; by default those that there are")
    parser.add_argument("--rootless", action="store_true", help="in a user namespace, also as root")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="look for the ceiling in coarse steps")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    from nepi.hosts.wire.compiled import load

    engines = asked.engines.split(",") if asked.engines else [one for one in ENGINES if one != "compiled" or load() is not None]
    rows = []
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
            rootless = asked.rootless or os.geteuid() != 0
            rows.append(
                asyncio.run(measure(engine, Path(folder), rootless=rootless, seconds=asked.seconds, steps=5.0 if asked.quick else 1.05))
            )
    show(rows)
    if asked.json:
        asked.json.write_text(json.dumps({"asked": ASKED, "delay_ms": DELAY_S * 1e3, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
