"""The commands that a simulated node knows, ping and iperf3, read from their argument lists. Pure functions.

A simulated node is a host like others, on which these two programs exist. What they take of the real programs' options is here, and what
they leave out is a mistake that is told when the experiment is planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nepi.errors import BadValueError

NS: Final = 1_000_000_000
CONGESTION: Final = {
    "reno": "ns3::TcpLinuxReno",
    "cubic": "ns3::TcpCubic",
    "bbr": "ns3::TcpBbr",
    "vegas": "ns3::TcpVegas",
    "westwood": "ns3::TcpWestwoodPlus",
    "highspeed": "ns3::TcpHighSpeed",
    "htcp": "ns3::TcpHtcp",
    "hybla": "ns3::TcpHybla",
    "illinois": "ns3::TcpIllinois",
    "scalable": "ns3::TcpScalable",
    "veno": "ns3::TcpVeno",
    "yeah": "ns3::TcpYeah",
    "bic": "ns3::TcpBic",
    "dctcp": "ns3::TcpDctcp",
    "lp": "ns3::TcpLp",
}
"""Names of congestion controls as Linux has them, and who is that in ns-3."""

_PING: Final = {"-c", "-i", "-s", "-w", "-W", "-t", "-Q"}
_PING_SWITCHES: Final = {"-n", "-q", "-D", "-U", "-v", "-O"}
_CLIENT: Final = {"-c", "-p", "-t", "-n", "-b", "-P", "-C", "-l", "-i", "-w", "--connect-timeout"}
_CLIENT_SWITCHES: Final = {"-u", "-R", "--bidir", "-N", "-Z", "--json"}
_SERVER: Final = {"-p", "-i"}
_SERVER_SWITCHES: Final = {"-s", "-1", "--json", "--forceflush"}


@dataclass(frozen=True, slots=True)
class PingCommand:
    """What ping was asked; times in nanoseconds, 0 where there is no limit."""

    target: str
    count: int = 0
    interval_ns: int = NS
    size_bytes: int = 56
    timeout_ns: int = 10 * NS
    deadline_ns: int = 0
    ttl: int = 0
    tos: int = 0
    quiet: bool = False
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class ClientCommand:
    """What iperf3 -c was asked; 0 where there is no limit."""

    target: str
    port: int = 5201
    duration_ns: int = 10 * NS
    amount_bytes: int = 0
    rate_bps: int = 0
    udp: bool = False
    parallel: int = 1
    reverse: bool = False
    bidir: bool = False
    congestion: str = ""
    length_bytes: int = 0
    interval_ns: int = NS
    no_delay: bool = False
    connect_timeout_ns: int = 0


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What iperf3 -s was asked."""

    port: int = 5201
    one_off: bool = False
    json: bool = False


Command = PingCommand | ClientCommand | ServerCommand


def read_command(argv: Sequence[str]) -> Command:
    """Return what an argument list asks for.

    Raises:
        BadValueError: no simulated node has this program, or it does not know one of the options there.
    """
    tool = argv[0] if argv else ""
    if tool == "ping":
        return _with_target(_ping(argv[1:]))
    if tool == "iperf3":
        return _server(argv[1:]) if "-s" in argv else _with_target(_client(argv[1:]))
    raise BadValueError(
        f"a simulated node has no program {tool!r}: it knows ping and iperf3; others run in a namespace that joins the simulation"
    )


def _with_target(command: PingCommand | ClientCommand) -> PingCommand | ClientCommand:
    if ":" in command.target:
        raise BadValueError(f"{command.target} is an IPv6 address: programs in a simulation use IPv4")
    return command


def _words(tool: str, argv: Sequence[str], valued: set[str], switches: set[str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    operands: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word in valued and rest:
            found[word] = rest.pop(0)
        elif word in switches:
            found[word] = ""
        elif word.startswith("-"):
            raise BadValueError(f"{tool} has no option {word} in a simulation: leave it out")
        else:
            operands.append(word)
    return found, operands


def _seconds(found: Mapping[str, str], flag: str, default_ns: int) -> int:
    return round(float(found[flag]) * NS) if flag in found else default_ns


def _ping(argv: Sequence[str]) -> PingCommand:
    found, operands = _words("ping", argv, _PING, _PING_SWITCHES)
    if len(operands) != 1:
        raise BadValueError("ping in a simulation takes one target")
    return PingCommand(
        operands[0],
        count=int(found.get("-c", 0)),
        interval_ns=_seconds(found, "-i", NS),
        size_bytes=int(found.get("-s", 56)),
        timeout_ns=_seconds(found, "-W", 10 * NS),
        deadline_ns=_seconds(found, "-w", 0),
        ttl=int(found.get("-t", 0)),
        tos=int(found.get("-Q", "0"), 0),
        quiet="-q" in found,
        timestamps="-D" in found,
    )


def _client(argv: Sequence[str]) -> ClientCommand:
    found, _ = _words("iperf3", argv, _CLIENT, _CLIENT_SWITCHES)
    congestion = found.get("-C", "")
    if congestion and congestion not in CONGESTION:
        raise BadValueError(f"ns-3 has no congestion control {congestion!r}: it has {', '.join(sorted(CONGESTION))}")
    udp = "-u" in found
    amount = int(found.get("-n", 0))
    milliseconds = int(found.get("--connect-timeout", 0))
    return ClientCommand(
        found["-c"],
        port=int(found.get("-p", 5201)),
        duration_ns=0 if amount else _seconds(found, "-t", 10 * NS),
        amount_bytes=amount,
        rate_bps=int(found.get("-b", 2**20 if udp else 0)),
        udp=udp,
        parallel=int(found.get("-P", 1)),
        reverse="-R" in found,
        bidir="--bidir" in found,
        congestion=CONGESTION.get(congestion, ""),
        length_bytes=int(found.get("-l", 1448 if udp else 131_072)),
        interval_ns=_seconds(found, "-i", NS),
        no_delay="-N" in found,
        connect_timeout_ns=milliseconds * 1_000_000,
    )


def _server(argv: Sequence[str]) -> ServerCommand:
    found, _ = _words("iperf3", argv, _SERVER, _SERVER_SWITCHES)
    return ServerCommand(int(found.get("-p", 5201)), one_off="-1" in found, json="--json" in found)
