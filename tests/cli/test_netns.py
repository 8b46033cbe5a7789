"""The commands on real namespaces, as root and as an ordinary user."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.cli.conftest import nepi, nepi_process, started

pytestmark = pytest.mark.netns

PINGED = """
with ExperimentController("pinged", backend="netns", run_id="r1") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, name="ab", rate="10Mbit")
    ping = ec.add("Ping", a, name="ping", target=b, count=COUNT, interval="200ms")
    ec.run()
"""


@pytest.fixture(autouse=True)
def all_given_back(home: Path) -> Generator[None]:
    """Leave nothing, also when a test fails in its middle."""
    yield
    for run in json.loads(nepi("ps", "--json").out):
        nepi("gc", run["run"])


@pytest.fixture
def short_ping(script: Callable[[str], Path]) -> Path:
    """Return a script whose ping is soon over."""
    return script(PINGED.replace("COUNT", "2"))


@pytest.fixture
def long_ping(script: Callable[[str], Path]) -> Path:
    """Return a script whose ping goes on until it is stopped."""
    return script(PINGED.replace("COUNT", "100000"))


def test_a_kept_run_can_be_entered_and_is_given_back(short_ping: Path) -> None:
    said = nepi_process("run", "--keep", short_ping)
    assert said.status == 0
    assert "loss there and back  0%" in said.err
    try:
        inside = nepi_process("exec", "pinged", "a", "--", "ping", "-c", "1", "b")
        assert (inside.status, "1 packets transmitted, 1 received" in inside.out) == (0, True)
        assert nepi_process("exec", "pinged", "a", "sh", "-c", "echo $NEPI_NODE; exit 7").status == 7
        shell = nepi_process("shell", "pinged", "b", stdin="ip -br addr show dev eth0\nexit 3\n")
        assert (shell.status, shell.out.split()[2]) == (3, "10.0.0.2/30")
        assert nepi("exec", "pinged", "c", "true").err == "nepi: no node 'c' in this run; it has a, b\n"
    finally:
        released = nepi("release", "pinged")
    assert released.out == "pinged/r1: gave back 1 agent, 1 link, 2 namespaces\n"
    assert nepi("release", "pinged").out == "pinged/r1: nothing was left\n"
    assert nepi("shell", "pinged", "a").err == "nepi: run pinged/r1 is released: its nodes are gone\n"


def test_what_a_killed_controller_leaves_is_found_entered_and_collected(long_ping: Path) -> None:
    with started("run", long_ping) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGKILL)
        running.end()
    try:
        assert nepi("ps").out.splitlines()[1].split()[:2] == ["pinged/r1", "dead"]
        assert nepi_process("exec", "pinged", "b", "ping", "-c", "1", "a").status == 0
    finally:
        collected = nepi("gc", "--json")
    assert (collected.status, json.loads(collected.out)[0]["left"]) == (0, [])
    assert nepi("gc").out == "No dead run has left anything.\n"
    assert nepi("trace", "pinged", "ping", "stdout").out.startswith("PING 10.0.0.2")


def test_two_interrupts_leave_a_ledger_that_gives_everything_back(long_ping: Path) -> None:
    with started("run", long_ping) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGINT)
        running.signal(signal.SIGINT)
        status = running.end().status
    assert status == 130
    assert nepi("gc").status == 0
    assert nepi("ps").out.startswith("No run is live, kept or dead.")


def test_a_trace_is_followed_until_the_run_is_over(long_ping: Path) -> None:
    with started("run", long_ping) as running:
        running.wait_for("STARTED")
        with started("trace", "--follow", "pinged", "ping", "stdout") as following:
            assert following.process.stdout is not None
            for line in following.process.stdout:
                if "icmp_seq=2" in line:
                    break
            running.signal(signal.SIGINT)
            said = following.end()
        running.end()
    assert said.status == 0
    assert "packets transmitted" in said.out


def test_a_plan_of_namespaces_shows_addresses_and_programs_and_makes_nothing(short_ping: Path, home: Path) -> None:
    text = nepi("plan", short_ping).out
    assert "\nAddresses\n  node  interface  addresses" in text
    assert "\n  ping      target     10.0.0.2\n" in text
    assert "\n  netns    ping     Ping       yes\n" in text
    assert not home.exists()


def test_an_interrupted_verification_gives_everything_back(short_ping: Path, home: Path) -> None:
    with started("run", "--verify", short_ping) as running:
        running.wait_for("verifying ab")
        running.signal(signal.SIGINT)
        status = running.end().status
    assert status == 130
    summary = json.loads((home / "pinged" / "r1" / "summary.json").read_text())
    assert (summary["outcome"], summary["promises"], summary["not_released"]) == ("aborted", [], [])
