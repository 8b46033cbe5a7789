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

_PING: Final = {"-c", "-i", "-s", "-w", "-W", "-t", "-Q", "-l", "-p"}
_PING_SWITCHES: Final = {"-n", "-q", "-D", "-U", "-v", "-O", "-f", "-A", "-6"}
_CLIENT: Final = {"-c", "-p", "-t", "-n", "-b", "-P", "-C", "-l", "-i", "-w", "-O", "-M", "-S", "--dscp", "--cport", "--connect-timeout"}
_CLIENT_SWITCHES: Final = {"-u", "-R", "--bidir", "-N", "-Z", "-6", "--json"}
_SERVER: Final = {"-p", "-i"}
_SERVER_SWITCHES: Final = {"-s", "-1", "-6", "--json", "--forceflush"}
_WHY_NOT: Final = {
    ("ping", "-I"): "the source address of a packet in a simulation is that of its route",
    ("ping", "-M"): "ns-3 fragments what is too long, and knows no path MTU discovery",
    ("ping", "-R"): "ns-3 writes no options into IP headers",
    ("ping", "-T"): "ns-3 writes no options into IP headers",
    ("ping", "-r"): "ns-3 sends nothing past its routing tables",
    ("ping", "-m"): "there are no marks in a simulation",
    ("ping", "-S"): "what is sent in a simulation waits in the queues of links, and in no buffer before",
    ("iperf3", "-B"): "addresses of sockets in a simulation are those of their routes",
}
"""Why an option of the real program is none in a simulation."""
_DSCP: Final = {"ef": 46, **{f"cs{number}": 8 * number for number in range(8)}} | {
    f"af{group}{drop}": 8 * group + 2 * drop for group in range(1, 5) for drop in range(1, 4)
}
FLOOD_NS: Final = NS // 100
"""ping(8): a flood sends a hundred packets a second at least."""
FOR_EVER_NS: Final = 10**9 * NS
CONNECT_TIMEOUT_NS: Final = 127 * NS
"""How long Linux tries to connect (tcp(7), tcp_syn_retries)."""


@dataclass(frozen=True, slots=True)
class PingCommand:
    """What ping was asked; times in nanoseconds, 0 where there is no limit: without an interval the next follows a reply at once."""

    target: str
    count: int = 0
    interval_ns: int = NS
    size_bytes: int = 56
    timeout_ns: int = 10 * NS
    deadline_ns: int = 0
    ttl: int = 0
    tos: int = 0
    preload: int = 1
    pattern: str = ""
    flood: bool = False
    adaptive: bool = False
    outstanding: bool = False
    quiet: bool = False
    timestamps: bool = False
    six: bool = False

    def words(self) -> str:
        """Return what the simulation has to know, as `Ping` in ping.h reads it."""
        interval_ns = self.interval_ns or FLOOD_NS
        return (
            f"count {self.count} interval {interval_ns} size {self.size_bytes} timeout {self.timeout_ns} deadline {self.deadline_ns}"
            f" ttl {self.ttl} tos {self.tos} preload {self.preload} flood {self.interval_ns == 0:d} adaptive {self.adaptive:d}"
            f" outstanding {self.outstanding:d}" + (f" pattern {self.pattern}" if self.pattern else "")
        )


@dataclass(frozen=True, slots=True)
class ClientCommand:
    """What iperf3 -c was asked; 0 where there is no limit, or where the simulation chooses."""

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
    omit_ns: int = 0
    window_bytes: int = 0
    mss_bytes: int = 0
    tos: int = 0
    cport: int = 0
    no_delay: bool = False
    connect_timeout_ns: int = CONNECT_TIMEOUT_NS
    six: bool = False

    def directions(self) -> list[bool]:
        """Return for each stream whether the server sends."""
        return [self.reverse] * self.parallel + ([True] * self.parallel if self.bidir else [])

    def words(self) -> str:
        """Return what the simulation has to know of the test, as `Flow` in flow.h reads it."""
        return f"duration {self.duration_ns} interval {self.interval_ns} omit {self.omit_ns} connect_timeout {self.connect_timeout_ns}"

    def stream_words(self, number: int) -> str:
        """Return what the simulation has to know of one stream, as `Stream` in stream.h reads it.

        Args:
            number: its place in `directions`.
        """
        from_server = self.directions()[number]
        place = number % self.parallel
        bits = (self.length_bytes or 1448) * 8
        offset = round(bits * NS / self.rate_bps) * place // self.parallel if self.rate_bps else 0
        cport = self.cport + number if self.cport and not from_server else 0
        return (
            f"udp {self.udp:d} from_server {from_server:d} rate {self.rate_bps} length {self.length_bytes}"
            f" bytes {-(-self.amount_bytes // self.parallel)} window {self.window_bytes} mss {self.mss_bytes} tos {self.tos}"
            f" cport {cport} no_delay {self.no_delay:d} offset {offset} congestion {self.congestion or '-'}"
        )


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
        return _ping(argv[1:])
    if tool == "iperf3":
        return _server(argv[1:]) if "-s" in argv else _client(argv[1:])
    raise BadValueError(
        f"a simulated node has no program {tool!r}: it knows ping and iperf3; others run on a node of a namespace that a Link joins to"
        " the simulation (docs/howto/hybrid.md)"
    )


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
            why = _WHY_NOT.get((tool, word), "leave it out")
            raise BadValueError(f"{tool} has no option {word} in a simulation: {why}")
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
        interval_ns=_seconds(found, "-i", 0 if "-f" in found else NS),
        size_bytes=int(found.get("-s", 56)),
        timeout_ns=_seconds(found, "-W", 10 * NS) or FOR_EVER_NS,
        deadline_ns=_seconds(found, "-w", 0),
        ttl=int(found.get("-t", 0)),
        tos=int(found.get("-Q", "0"), 0),
        preload=int(found.get("-l", 1)),
        pattern=_whole_bytes(found.get("-p", "")),
        flood="-f" in found,
        adaptive="-A" in found,
        outstanding="-O" in found,
        quiet="-q" in found,
        timestamps="-D" in found,
        six="-6" in found,
    )


def _whole_bytes(pattern: str) -> str:
    """Return hexadecimal digits as ping reads them: two for each byte, the last one alone when there is no second."""
    pairs = [pattern[at : at + 2] for at in range(0, len(pattern), 2)]
    return "".join(pair.zfill(2) for pair in pairs).lower()


def _client(argv: Sequence[str]) -> ClientCommand:
    found, _ = _words("iperf3", argv, _CLIENT, _CLIENT_SWITCHES)
    congestion = found.get("-C", "")
    if congestion and congestion not in CONGESTION:
        raise BadValueError(f"ns-3 has no congestion control {congestion!r}: it has {', '.join(sorted(CONGESTION))}")
    udp = "-u" in found
    amount = int(found.get("-n", 0))
    rate = int(found.get("-b", 2**20 if udp else 0))
    if udp and not rate:
        raise BadValueError("iperf3 cannot send UDP as fast as possible in a simulation, where sending takes no time: say a rate")
    milliseconds = int(found.get("--connect-timeout", 0))
    return ClientCommand(
        found["-c"],
        port=int(found.get("-p", 5201)),
        duration_ns=0 if amount else _seconds(found, "-t", 10 * NS),
        amount_bytes=amount,
        rate_bps=rate,
        udp=udp,
        parallel=int(found.get("-P", 1)),
        reverse="-R" in found,
        bidir="--bidir" in found,
        congestion=CONGESTION.get(congestion, ""),
        length_bytes=int(found.get("-l", 0)),
        interval_ns=_seconds(found, "-i", NS),
        omit_ns=_seconds(found, "-O", 0),
        window_bytes=int(found.get("-w", 0)),
        mss_bytes=int(found.get("-M", 0)),
        tos=_tos(found),
        cport=int(found.get("--cport", 0)),
        no_delay="-N" in found,
        connect_timeout_ns=milliseconds * 1_000_000 or CONNECT_TIMEOUT_NS,
        six="-6" in found,
    )


def _tos(found: Mapping[str, str]) -> int:
    dscp = found.get("--dscp", "").lower()
    if dscp:
        return (_DSCP[dscp] if dscp in _DSCP else int(dscp, 0)) << 2
    return int(found.get("-S", "0"), 0)


def _server(argv: Sequence[str]) -> ServerCommand:
    found, _ = _words("iperf3", argv, _SERVER, _SERVER_SWITCHES)
    return ServerCommand(int(found.get("-p", 5201)), one_off="-1" in found, json="--json" in found)
