"""What iputils' ping printed, as typed values. Parsing only; the reference is iputils 20221126, with tests/apps/recorded.

Read under `PLAIN_OUTPUT_ENV`. Other pings (busybox, BSD, inetutils) word their lines differently and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from nepi.apps.output_text import decode, ended_lines, excerpt
from nepi.errors import TraceError


@dataclass(frozen=True, slots=True)
class PingReply:
    """One echo reply.

    Attributes:
        seq: sequence number as printed; it has 16 bits, so it begins again at 0 after 65,535.
        ttl: time to live (hop limit) that the reply arrived with.
        rtt_s: round-trip time in seconds, as ping rounds it; None for packets too small to carry a time stamp (under 16 bytes).
        at: wall-clock time of its arrival, seconds since the epoch; None without `printTimestamp`.
        duplicate: a reply to this sequence number had come before.
        damaged: ping says that it came back with a wrong checksum or cut short.
    """

    seq: int
    ttl: int
    rtt_s: float | None
    at: float | None = None
    duplicate: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class PingRefusal:
    """An ICMP error that came instead of a reply, such as "Destination Host Unreachable" or "Time to live exceeded"."""

    seq: int
    source: str
    reason: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class PingResult:
    """What one run of ping measured.

    `complete` is True when ping printed its statistics to the end. Otherwise (it was killed, ended by SIGTERM, or never started to
    send) what the statistics would say is unknown: `transmitted`, `errors` and `loss` are None; `received`, `duplicates` and the
    times then describe the reply lines that were seen, and are None when there are none, because a quiet or flooding ping prints
    no such lines.

    Attributes:
        target: as ping was given it; "" when it did not get so far.
        address: what the target was resolved to; "" likewise.
        transmitted: echo requests sent.
        received: echo replies, duplicates not counted.
        duplicates: replies beyond the first to one request.
        errors: ICMP errors and local errors (a packet too long, say), as ping counts them.
        loss: 1 - received / transmitted, a fraction; None when nothing was sent.
        rtt_min_s, rtt_avg_s, rtt_max_s, rtt_mdev_s: over all replies, duplicates included, as ping(8) says; mdev is the
            population's standard deviation. None when nothing came back, or nothing with a time.
        replies: the reply lines; empty with `quiet` or `flood`.
        refusals: the ICMP errors' lines.
        notes: every other line, in order, such as "no answer yet for icmp_seq=2".
        error: why ping gave up before it sent anything ("no.such.host: Name or service not known"), or "".
        complete: whether the statistics were printed.
    """

    target: str = ""
    address: str = ""
    transmitted: int | None = None
    received: int | None = None
    duplicates: int | None = None
    errors: int | None = None
    loss: float | None = None
    rtt_min_s: float | None = None
    rtt_avg_s: float | None = None
    rtt_max_s: float | None = None
    rtt_mdev_s: float | None = None
    replies: tuple[PingReply, ...] = ()
    refusals: tuple[PingRefusal, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    complete: bool = False


_AT: Final = r"(?:\[(?P<at>\d{1,12}\.\d{6})\] )?"
_HEADER: Final = re.compile(
    r"PING (?P<target>\S+?) ?\((?:\S+ \()?(?P<address>[^\s()]+)\)\)?(?: from \S+(?: \S+)?:)? \d+(?:\(\d+\))? (?:data )?bytes.*",
    re.ASCII,
)
_REPLY: Final = re.compile(
    _AT + r"\d+ bytes from [^\r\n]+?: icmp_seq=(?P<seq>\d{1,5})(?: ident=\d+)? (?:ttl|hops)=(?P<ttl>\d{1,3})"
    r"(?: time=(?P<rtt>\d{1,12}(?:\.\d{1,9})?) ms)?(?P<marks>(?: \([A-Za-z !]+\))*)(?:\t\(same route\))?",
    re.ASCII,
)
_REFUSAL: Final = re.compile(_AT + r"From (?P<source>\S+(?: \(\S+\))?):? icmp_seq=(?P<seq>\d{1,5}) (?P<reason>.+)", re.ASCII)
_STATISTICS: Final = re.compile(r"--- (?P<target>\S+) ping statistics ---", re.ASCII)
_COUNTS: Final = re.compile(
    r"(?P<transmitted>\d{1,18}) packets transmitted, (?P<received>\d{1,18}) received(?:, \+(?P<duplicates>\d{1,18}) duplicates)?"
    r"(?:, \+\d+ corrupted)?(?:, \+(?P<errors>\d{1,18}) errors)?(?:, [-0-9.e+]+% packet loss, time \d+ms)?",
    re.ASCII,
)
_TIMES: Final = re.compile(r"rtt min/avg/max/mdev = (?P<times>\d{1,12}\.\d{3}(?:/\d{1,12}\.\d{3}){3}) ms.*", re.ASCII)
_LOOKS_LIKE: Final = (
    (re.compile(r"PING "), "the first line of ping"),
    (re.compile(_AT + r"\d+ bytes from "), "a reply"),
    (re.compile(r"\d+ packets transmitted"), "the counts"),
    (re.compile(r"rtt min"), "the round-trip times"),
)
_BEFORE_THE_HEADER: Final = ("ping: ", "ping6: ", "PATTERN: ", "WARNING: ", "ai->ai_family: ")  # the last with `verbose`
_FLOOD: Final = re.compile(r"[.E\b ]*")


def parse_ping(output: bytes | str, stderr: bytes | str = b"") -> PingResult:
    """Return what ping measured.

    Args:
        output: all that ping printed, unstripped. It may stop anywhere and may be empty; a last line without its end is not
            read, because a number in it may be cut. Of several runs one after another, the last is returned.
        stderr: standard error, when it is not in `output` as it came; it says why there is nothing else.

    Raises:
        TraceError: a line is not what ping prints; says which line.
    """
    run = _Run()
    for number, line in ended_lines(decode(output, "ping")):
        if line and (run.result.complete or (run.result.target and _HEADER.fullmatch(line))):
            run = _Run()
        if not run.take(line):
            what = next((f"{name}, damaged" for pattern, name in _LOOKS_LIKE if pattern.match(line)), "nothing that ping prints")
            raise TraceError(f"ping output, line {number}: {excerpt(line)} is {what}")
    run.notes += [line for _, line in ended_lines(decode(stderr, "ping"))]
    return run.finished()


class _Run:
    """The lines of one run that were understood so far."""

    def __init__(self) -> None:
        self.result = PingResult()
        self.replies: list[PingReply] = []
        self.refusals: list[PingRefusal] = []
        self.notes: list[str] = []

    def finished(self) -> PingResult:
        """Return what the lines say, all of them taken."""
        result = replace(self.result, replies=tuple(self.replies), refusals=tuple(self.refusals), notes=tuple(self.notes))
        return result if result.complete else replace(_as_far_as_seen(result), error=_last_complaint(result))

    def take(self, line: str) -> bool:
        """Take one line; False when it is none of ping's."""
        if self.result.transmitted is not None:
            return self.take_last(line)
        if match := _REPLY.fullmatch(line):
            self.replies.append(_reply(match))
        elif match := _REFUSAL.fullmatch(line):
            self.refusals.append(PingRefusal(int(match["seq"]), match["source"], match["reason"], _seconds(match["at"])))
        elif match := _HEADER.fullmatch(line):
            self.result = replace(self.result, target=match["target"], address=match["address"])
        elif match := _STATISTICS.fullmatch(line):
            self.result = replace(self.result, target=match["target"])
        elif match := _COUNTS.fullmatch(line):
            self.result = _with_counts(self.result, match)
        else:
            return self.take_note(line)
        return True

    def take_last(self, line: str) -> bool:
        """Take the line after the counts: the times, how many packets were under way at once, or nothing."""
        if match := _TIMES.fullmatch(line):
            self.result = _with_times(self.result, match)
        elif line and not self.take_note(line):
            return False
        self.result = replace(self.result, complete=True)
        return True

    def take_note(self, line: str) -> bool:
        """Take a line that carries no number of ours."""
        if _FLOOD.fullmatch(line):
            return True
        begun = self.result.target or self.notes or line.startswith(_BEFORE_THE_HEADER)
        if not begun or any(pattern.match(line) for pattern, _ in _LOOKS_LIKE) or not line.lstrip("\r").replace("\t", " ").isprintable():
            return False
        self.notes.append(line.strip("\r"))
        return True


def _reply(match: re.Match[str]) -> PingReply:
    marks = match["marks"]
    return PingReply(
        seq=int(match["seq"]),
        ttl=int(match["ttl"]),
        rtt_s=_milliseconds(match["rtt"]),
        at=_seconds(match["at"]),
        duplicate="(DUP!)" in marks,
        damaged="(BAD CHECKSUM!)" in marks or "(truncated)" in marks,
    )


def _with_counts(result: PingResult, match: re.Match[str]) -> PingResult:
    transmitted, received = int(match["transmitted"]), int(match["received"])
    return replace(
        result,
        transmitted=transmitted,
        received=received,
        duplicates=int(match["duplicates"] or 0),
        errors=int(match["errors"] or 0),
        loss=(transmitted - received) / transmitted if transmitted else None,
    )


def _with_times(result: PingResult, match: re.Match[str]) -> PingResult:
    least, mean, most, deviation = (float(part + "e-3") for part in match["times"].split("/"))
    return replace(result, rtt_min_s=least, rtt_avg_s=mean, rtt_max_s=most, rtt_mdev_s=deviation)


def _as_far_as_seen(result: PingResult) -> PingResult:
    if not result.replies:
        return result
    if result.transmitted is None:
        duplicates = sum(reply.duplicate for reply in result.replies)
        result = replace(result, received=len(result.replies) - duplicates, duplicates=duplicates)
    times = [reply.rtt_s for reply in result.replies if reply.rtt_s is not None]
    if not times:
        return result
    mean = sum(times) / len(times)
    deviation = sqrt(sum((time - mean) ** 2 for time in times) / len(times))
    return replace(result, rtt_min_s=min(times), rtt_avg_s=mean, rtt_max_s=max(times), rtt_mdev_s=deviation)


def _last_complaint(result: PingResult) -> str:
    """Return why nothing was sent: ping's last words when it printed no header."""
    complaints: Sequence[str] = [note for note in result.notes if note.startswith(("ping: ", "ping6: "))]
    return complaints[-1].partition(": ")[2] if complaints and not result.target else ""


def _milliseconds(text: str | None) -> float | None:
    return None if text is None else float(text + "e-3")


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)
