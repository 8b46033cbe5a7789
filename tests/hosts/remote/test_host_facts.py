"""What a host says of itself, read by pure functions; and asked of a real one."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from nepi.errors import ConnectError, ResourceError
from nepi.execution.process_identity import boot_id
from nepi.hosts.remote.host_facts import (
    NEEDED,
    ClockSample,
    HostFacts,
    ask_facts,
    clock_of,
    read_clock_sample,
    read_facts,
)
from tests.hosts.remote.subprocess_transport import SubprocessTransport
from tests.hosts.worlds import run

SAID = """uid 1000
user ann
home /home/ann
kernel Linux 6.1.0
arch x86_64
path /usr/bin
boot 5b2e
cpus 4
memory 2048
sudo no sudo: a password is required
os ID=debian
os PRETTY_NAME="Debian GNU/Linux 12"
tool cat
tool ip
done
"""


def test_facts_are_read_from_what_a_host_has_printed() -> None:
    assert read_facts(SAID) == HostFacts(
        user="ann",
        uid=1000,
        home=PurePosixPath("/home/ann"),
        kernel="Linux 6.1.0",
        arch="x86_64",
        boot_id="5b2e",
        cpus=4,
        memory_bytes=2 << 20,
        os_release='ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n',
        tools=frozenset({"cat", "ip"}),
        can_sudo=False,
        sudo_trouble="sudo: a password is required",
        missing=tuple(name for name in NEEDED if name != "cat"),
    )


def test_an_answer_that_is_not_whole_is_none() -> None:
    with pytest.raises(ValueError, match="not whole"):
        read_facts(SAID.removesuffix("done\n"))


def test_the_clock_is_what_the_shortest_round_trip_says() -> None:
    samples = [ClockSample(100.0, 102.0, 3701.5, 50.0), ClockSample(103.0, 103.2, 3703.1, 52.1), ClockSample(104.0, 105.0, 3704.0, 53.0)]
    clock = clock_of(samples)
    assert (clock.offset_s, clock.booted_at, clock.error_s) == pytest.approx((3600.0, 51.0, 0.1))
    assert clock.local(60.0) == pytest.approx(111.0)
    with pytest.raises(ConnectError, match="did not tell its time"):
        clock_of([])


@pytest.mark.parametrize(("told", "at"), [("12.250000000", 12.25), ("12.%N", 12.5), ("12.N", 12.5), ("12", 12.5)])
def test_dates_without_fractions_are_taken_as_the_middle_of_their_second(told: str, at: float) -> None:
    assert read_clock_sample([told, "7.00"], 1.0, 2.0) == ClockSample(1.0, 2.0, at, 7.0)


@pytest.mark.slow
def test_a_real_host_is_known_after_one_round_trip() -> None:
    async def scenario() -> tuple[HostFacts, int]:
        transport = SubprocessTransport()
        return await ask_facts(transport), len(transport.scripts)

    facts, trips = run(scenario())
    assert trips == 1
    assert (facts.uid, facts.home, facts.boot_id) == (os.getuid(), PurePosixPath(os.environ["HOME"]), boot_id())
    assert facts.can_sudo or not facts.is_root
    assert {"sh", "cat", "env"} <= facts.tools
    assert facts.memory_bytes > 1 << 20


@pytest.mark.slow
def test_a_host_without_what_is_needed_is_refused_with_a_reason() -> None:
    async def scenario(transport: SubprocessTransport) -> None:
        await ask_facts(transport)

    with pytest.raises(ResourceError, match="is none that commands can run on"):
        run(scenario(SubprocessTransport(replaced={"/proc/sys/kernel/random/boot_id": "/no/such/file"})))
    with pytest.raises(ResourceError, match="lacks .*: install coreutils"):
        run(scenario(SubprocessTransport(replaced={'"$nepi_folder"/*': '"$nepi_folder"/ca*'})))
