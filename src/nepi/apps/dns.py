"""DnsServer and DnsClient: names and addresses, by dnsmasq and dig. Source: dnsmasq(8) 2.90, dig(1) 9.18."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, PORT, Seconds, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, ended_lines, excerpt
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.units import format_duration

DNS_PORT: Final = 53
_RECORDS: Final = Word(r"[\w.*-]+=[0-9a-fA-F.:]+(\s+[\w.*-]+=[0-9a-fA-F.:]+)*", "records such as www.test=10.0.0.2 mail.test=10.0.0.3")
_NAMES: Final = Word(r"[\w.*-]+(\s+[\w.*-]+)*", "one or more names")


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsServerOptions(CommandOptions):
    """What a name server answers."""

    tool: ClassVar[str] = "dnsmasq"
    package: ClassVar[str] = "dnsmasq-base"

    port: int = field(default=DNS_PORT, metadata=option("port", "", PORT, "UDP and TCP port to listen on."))
    records: str | None = field(
        default=None, metadata=option("records", "", _RECORDS, "Names and addresses beside the nodes': a.test=10.0.0.2 ...")
    )
    upstream: str | None = field(default=None, metadata=option("upstream", "", HOST, "Server that is asked for what is not known here."))
    ttl_s: float | None = field(
        default=None, metadata=option("ttl", "", Seconds(0, 2**31 - 1, whole=True), "Time that answers may be kept; 0s unless told.")
    )

    def argv(self) -> list[str]:
        """Return the command line. In the foreground it stays who it is, and answers from /etc/hosts, which has all nodes."""
        words = [self.tool, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--log-queries", f"--port={self.port}"]
        # `host-record` answers for exactly this name; `address` would answer for all names below it too.
        words += [f"--host-record={name},{address}" for name, _, address in (one.partition("=") for one in (self.records or "").split())]
        words += [f"--server={self.upstream}"] if self.upstream else []
        return words + ([f"--local-ttl={self.ttl_s:.0f}"] if self.ttl_s is not None else [])


class DnsServer(ToolApplication[None]):
    """Answers for the names of all nodes, and for `records`, until it is stopped. STARTED when it listens."""

    service = True
    options = DnsServerOptions

    def read_result(self, stdout: bytes) -> None:
        """Return nothing: the clients have the answers."""

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it listens on its port."""
        await host.host.wait_listening(self.get("port"), protocol="udp", process=process)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsClientOptions(CommandOptions):
    """What a client asks."""

    tool: ClassVar[str] = "dig"
    package: ClassVar[str] = "bind9-dnsutils"

    target: str = field(metadata=option("target", "", HOST, "Host of the name server."))
    names: str = field(metadata=option("names", "", _NAMES, "The names to ask for, one after the other."))
    kind: str = field(default="A", metadata=option("type", "", Word("[A-Z0-9]{1,10}", "a type such as A or AAAA"), "Type of record."))
    port: int = field(default=DNS_PORT, metadata=option("port", "-p", PORT, "The server's port."))
    timeout_s: float | None = field(
        default=None, metadata=option("timeout", "", Seconds(1, 60, whole=True), "Wait for an answer; 5s unless told.")
    )
    tries: int | None = field(
        default=None, metadata=option("tries", "", Whole(1, 100), "How often it asks before it gives up; 3 unless told.")
    )

    def argv(self) -> list[str]:
        """Return the command line; ~/.digrc is not read."""
        words = [self.tool, "-r", *self.words(), f"@{self.target}"]
        words += [f"+time={self.timeout_s:.0f}"] if self.timeout_s is not None else []
        words += [f"+tries={self.tries}"] if self.tries is not None else []
        return words + [word for name in self.names.split() for word in ("-q", name, "-t", self.kind)]


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record of an answer; `ttl_s` is how long it may be kept."""

    name: str
    ttl_s: int
    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """The answer to one question.

    Attributes:
        name, kind: what was asked for.
        status: "NOERROR", "NXDOMAIN", "REFUSED", ...
        records: of the answer section.
        query_time_s: in whole milliseconds, as dig prints it.
    """

    name: str
    kind: str
    status: str
    records: tuple[DnsRecord, ...] = ()
    query_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class DnsResult:
    """The answers that came, in order, and dig's complaint, or ""."""

    answers: tuple[DnsAnswer, ...] = ()
    error: str = ""


_STATUS: Final = re.compile(r";; ->>HEADER<<- opcode: \w+, status: (\w+), id: \d+", re.ASCII)
_QUESTION: Final = re.compile(r";(\S+)\s+\w+\s+(\w+)", re.ASCII)
_RECORD: Final = re.compile(r"(\S+)\s+(\d+)\s+\w+\s+(\w+)\s+(\S.*)", re.ASCII)
_TIME: Final = re.compile(r";; Query time: (\d+) msec", re.ASCII)


def parse_dig(output: bytes | str) -> DnsResult:
    """Return the answers. It may stop anywhere.

    Raises:
        TraceError: a line is not what dig prints; says which.
    """
    answers: list[DnsAnswer] = []
    error = status = ""
    for number, line in ended_lines(decode(output, "dig")):
        if match := _STATUS.match(line):
            status = match[1]
        elif status and (match := _QUESTION.fullmatch(line)):
            answers.append(DnsAnswer(match[1].rstrip("."), match[2], status))
        elif line.startswith((";; communications error", ";; no servers", "dig: ")):
            error = line.removeprefix(";; ").removeprefix("dig: ")
        elif answers and (match := _TIME.fullmatch(line)):
            last = answers[-1]
            answers[-1] = DnsAnswer(last.name, last.kind, last.status, last.records, int(match[1]) / 1000)
        elif line and not line.startswith(";"):
            match = _RECORD.fullmatch(line)
            if match is None or not answers:
                raise TraceError(f"dig output, line {number}: {excerpt(line)} is nothing that dig prints")
            last = answers[-1]
            record = DnsRecord(match[1].rstrip("."), int(match[2]), match[3], match[4])
            answers[-1] = DnsAnswer(last.name, last.kind, last.status, (*last.records, record))
    return DnsResult(tuple(answers), error)


class DnsClient(ToolApplication[DnsResult]):
    """Asks the name server on `target` for `names`. FAILED when the server does not answer; "no such name" is an answer."""

    options = DnsClientOptions

    def read_result(self, stdout: bytes) -> DnsResult:
        """Return the answers."""
        return parse_dig(stdout)

    def failure_of(self, exit_: Exit) -> str:
        """Say what dig says: it complains on standard output."""
        reason = super().failure_of(exit_)
        result = self.result
        return f"{self._command()}: {result.error}" if reason and result is not None and result.error else reason

    def measured(self) -> list[tuple[str, str, str]]:
        """Return a row (what, asked, measured) for the run's table."""
        result = self.result
        times = [answer.query_time_s for answer in result.answers if answer.query_time_s is not None] if result is not None else []
        return [("names", f"{len(self.get('names').split())}", f"{len(times)}, slowest in {format_duration(max(times))}")] if times else []
