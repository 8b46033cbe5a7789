"""What is known of a host after the first look at it: one round trip for the facts, and a few short ones for its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.quoting import script_with
from nepi.hosts.remote.transport import Transport

FACTS_DEADLINE_S: Final = 60.0
LIBRARY: Final = files(__package__).joinpath("host.sh").read_text(encoding="utf-8")
"""What is executed on hosts: functions for sh(1)."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A host as it says it is.

    Attributes:
        user: who is logged in.
        uid: that user's number; 0 is root.
        home: that user's folder.
        kernel: name and release.
        arch: as uname(1) has it.
        boot_id: the kernel's name of the present boot.
        cpus: processors that can be used.
        memory_bytes: installed memory.
        os_release: the text of /etc/os-release; "" when it has none.
        tools: names of all programs that it finds.
        can_sudo: whether commands can run as root: by sudo without a password, or because the user is root.
        sudo_trouble: why not.
        missing: tools of coreutils and the like that are needed there and are not there.
    """

    user: str
    uid: int
    home: PurePosixPath
    kernel: str
    arch: str
    boot_id: str
    cpus: int
    memory_bytes: int
    os_release: str
    tools: frozenset[str]
    can_sudo: bool
    sudo_trouble: str
    missing: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether everything there runs as root."""
        return self.uid == 0


NEEDED: Final = ("cat", "dd", "env", "grep", "head", "mkdir", "mkfifo", "rm", "sha256sum", "sleep", "stat", "tail", "wc")


def read_facts(text: str) -> HostFacts:
    """Read what `nepi_facts` in host.sh has printed.

    Raises:
        ValueError: it is not whole.
    """
    single: dict[str, str] = {}
    several: dict[str, list[str]] = {"os": [], "tool": []}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key in several:
            several[key].append(value)
        else:
            single[key] = value
    if "done" not in single:
        raise ValueError("the answer is not whole")
    may, _, trouble = single["sudo"].partition(" ")
    tools = frozenset(several["tool"])
    return HostFacts(
        user=single["user"],
        uid=int(single["uid"]),
        home=PurePosixPath(single["home"]),
        kernel=single["kernel"],
        arch=single["arch"],
        boot_id=single["boot"],
        cpus=int(single["cpus"]),
        memory_bytes=int(single["memory"]) * 1024,
        os_release="".join(f"{line}\n" for line in several["os"]),
        tools=tools,
        can_sudo=may == "yes",
        sudo_trouble=trouble,
        missing=tuple(name for name in NEEDED if name not in tools),
    )


async def ask_facts(transport: Transport) -> HostFacts:
    """Look at a host.

    Raises:
        ConnectError: it cannot be reached.
        ResourceError: it is none that commands can be run on: no Linux, no /proc, or tools are missing.
    """
    done = await ask(transport, script_with(LIBRARY, ["nepi_facts"]), deadline_s=FACTS_DEADLINE_S)
    try:
        facts = read_facts(done.stdout.decode("utf-8", "surrogateescape"))
    except (KeyError, ValueError) as error:
        words = done.stderr.decode(errors="replace").strip() or f"it says {done.stdout[-200:]!r} ({error})"
        raise ResourceError(
            f"host {transport.name} is none that commands can run on: Linux with /proc and a POSIX shell is needed: {words}",
            resource=transport.name,
            backend="linux",
        ) from None
    if facts.missing:
        raise ResourceError(f"host {transport.name} lacks {', '.join(facts.missing)}: install coreutils and grep there", backend="linux")
    return facts


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One look at a host's clocks.

    Attributes:
        sent_at: local wall clock, seconds since the epoch.
        got_at: likewise, when the answer was there.
        host_at: the host's wall clock between these.
        uptime_s: seconds since the host's boot, between these.
    """

    sent_at: float
    got_at: float
    host_at: float
    uptime_s: float


@dataclass(frozen=True, slots=True)
class HostClock:
    """How a host's clocks relate to ours.

    Attributes:
        offset_s: the host's wall clock minus ours; add it to a local time to have the host's.
        booted_at: local wall-clock time at which the host's uptime was 0.
        error_s: by so much the offset may be wrong: half of the shortest round trip.
    """

    offset_s: float
    booted_at: float
    error_s: float

    def local(self, uptime_s: float) -> float:
        """Return the local wall-clock time of an instant that the host has told as its uptime."""
        return self.booted_at + uptime_s


def read_clock_sample(words: Sequence[str], sent_at: float, got_at: float) -> ClockSample:
    """Read an answer to "clock": the host's date and uptime. Without %N in date(1), the date is of whole seconds."""
    seconds, dot, fraction = words[0].partition(".")
    host_at = float(f"{seconds}.{fraction}") if dot and fraction.isdigit() else float(seconds.rstrip("N.%")) + 0.5
    return ClockSample(sent_at, got_at, host_at, float(words[1]))


def clock_of(samples: Sequence[ClockSample]) -> HostClock:
    """Return the relation that the sample with the shortest round trip tells. Source: RFC 5905, section 10 (clock filter).

    Raises:
        ConnectError: there is no sample.
    """
    if not samples:
        raise ConnectError("the host did not tell its time", backend="linux")
    best = min(samples, key=lambda sample: sample.got_at - sample.sent_at)
    middle = (best.sent_at + best.got_at) / 2
    return HostClock(best.host_at - middle, middle - best.uptime_s, (best.got_at - best.sent_at) / 2)
