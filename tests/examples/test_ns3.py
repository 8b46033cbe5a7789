"""The examples of ns-3, each run as a user would. Every one starts a process that imports ns-3 at least once, which takes its time.

Those with namespaces are run as root only: tests/resources/ns3/test_hybrid.py is what is run rootless.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "ns3"
DEADLINE_S = 280

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(name: str, home: Path) -> str:
    """Run an example in a home of its own; it must end well, and quietly on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "NEPI_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_example_has_a_test() -> None:
    tested = set(re.findall(r'run\("(\w+)"', Path(__file__).read_text()))
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


def test_first_and_second_print_the_very_times_of_ns3s_tutorial(tmp_path: Path) -> None:
    # As ns-3 3.44's examples/tutorial/first.py and second.py do: "At time +2.00737s client received 1024 bytes from 10.1.1.2 port 9".
    assert run("first", tmp_path) == "At time +2.00737s client received the echo\n"
    assert run("second", tmp_path) == "At time +2.02161s client received the echo\n"


def test_third_reaches_the_wire_through_wifi(tmp_path: Path) -> None:
    match = re.fullmatch(r"At time \+(\d\.\d{5})s client received the echo\n", run("third", tmp_path))
    assert match is not None
    # 7.4 ms for the link there and back, and what Wi-Fi and three ARPs take, each with a pause of up to 10 ms that is drawn by chance.
    assert 2.0074 < float(match[1]) < 2.08


def test_rts_and_cts_help_hidden_terminals(tmp_path: Path) -> None:
    match = re.fullmatch(r"lost without RTS/CTS: (\d+\.\d)%, with: (\d+\.\d)%\n", run("hidden_terminal", tmp_path))
    assert match is not None
    assert float(match[1]) > 1.2 * float(match[2])


def test_phones_download_while_they_change_their_cells(tmp_path: Path) -> None:
    lines = run("lte", tmp_path).splitlines()
    assert len(lines) == 2
    rates = []
    for number, line in enumerate(lines):
        match = re.fullmatch(rf"phone{number}: (\d+\.\d) Mbit/s, connected 1 after 0\.0 s, handover 2 after (\d\.\d) s", line)
        assert match is not None, line
        rates.append(float(match[1]))
        assert 5.0 < float(match[2]) < 9.0
    assert 8.0 < sum(rates) < 18.0  # one cell carries about 17


@pytest.mark.netns
@pytest.mark.root
def test_namespaces_talk_through_wifi(tmp_path: Path) -> None:
    match = re.fullmatch(r"round trip (\d+\.\d) ms, TCP (\d+\.\d) Mbit/s\n", run("namespaces_over_wifi", tmp_path))
    assert match is not None
    assert 0 < float(match[2]) < 24.0  # what the air carries at most


@pytest.mark.netns
@pytest.mark.root
def test_bbr_and_cubic_share_the_bottleneck_on_both_backends(tmp_path: Path) -> None:
    lines = run("bbr_cubic", tmp_path).splitlines()
    for backend, line in zip(("netns", "ns3"), lines, strict=True):
        match = re.fullmatch(rf"{backend} bbr (\d+\.\d\d) Mbit/s, cubic (\d+\.\d\d) Mbit/s", line)
        assert match is not None, line
        assert 8.0 < float(match[1]) + float(match[2]) <= 9.7
