"""`nepi run --verify`: what it says of links, and its exit status. The links of these scripts find what they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import nepi_process

Write = Callable[[str], Path]

ROPE = """
from nepi import ResourceManager
from nepi.execution.verification_rounds import Load
from nepi.execution.verifying import Verified
from nepi.model.promises import Promise

class Rope(ResourceManager, rtype="cli::Rope"):
    "A link that carries what the script says, of the 10 Mbit/s that were asked."
    service, role, is_plugged, is_shaped, is_changing = True, "node", True, True, False
    carries_bps = {carries}

    def verification_load(self, budget_s):
        return Load(frozenset([self.guid]), 1.0, 0.1)

    async def verify(self, budget_s):
        kept = 9.7e6 <= self.carries_bps <= 10.3e6
        return Verified((Promise(self.name, "a > b", "rate", 1e7, self.carries_bps, 9.7e6, 10.3e6, kept),), ())

ec = ExperimentController("roped", run_id="r1", backend="dummy")
ec.add("cli::Rope", name="rope")
ec.add("Application", name="app", duration="10ms")
ec.run()
"""


@pytest.fixture
def rope(script: Write) -> Callable[[float], Path]:
    return lambda carries_bps: script(ROPE.format(carries=carries_bps))


def test_a_kept_promise_is_told_and_the_run_is_fine(rope: Callable[[float], Path]) -> None:
    said = nepi_process("run", "--verify", rope(10.1e6))
    assert said.status == 0
    assert "verifying rope (0 of 1 links done, this takes about 0 s)\nall promises of 1 link kept\n" in said.err
    assert "\nPromises\n  link  direction  what  asked   measured  tolerance            verdict\n" in said.err
    assert "\n  rope  a > b      rate  10Mbit  10.1Mbit  9.7Mbit to 10.3Mbit  kept\n" in said.err


def test_a_broken_promise_has_an_exit_status_of_its_own(rope: Callable[[float], Path], home: Path) -> None:
    said = nepi_process("run", "--verify", rope(5e6))
    assert said.status == 3
    assert "  rope a > b: rate 10Mbit was asked, 5Mbit measured (9.7Mbit to 10.3Mbit would do)\n" in said.err
    assert said.err.split("Promises")[1].splitlines()[2].split()[-1] == "BROKEN"
    summary = json.loads((home / "roped" / "r1" / "summary.json").read_text())
    assert (summary["outcome"], summary["promises"][0]["kept"]) == ("finished", False)


def test_json_has_the_promises(rope: Callable[[float], Path]) -> None:
    said = nepi_process("run", "--verify", "--json", rope(5e6))
    record = json.loads(said.out)
    assert (said.status, record["status"]) == (3, 3)
    assert record["runs"][0]["promises"] == [
        {
            "link": "rope",
            "direction": "a > b",
            "property": "rate",
            "unit": "bit/s",
            "asked": 1e7,
            "measured": 5e6,
            "tolerance": [9.7e6, 10.3e6],
            "kept": False,
            "note": "",
        }
    ]


def test_quiet_tells_nothing_but_the_status(rope: Callable[[float], Path]) -> None:
    said = nepi_process("run", "--verify", "--quiet", rope(5e6))
    assert (said.status, said.err) == (3, "")


def test_without_verify_nothing_is_measured(rope: Callable[[float], Path]) -> None:
    said = nepi_process("run", rope(5e6))
    assert (said.status, "Promises" in said.err) == (0, False)


def test_the_journal_names_the_verification_and_decides_the_same_again(rope: Callable[[float], Path]) -> None:
    nepi_process("run", "--verify", "--quiet", rope(10e6))
    assert "  READY      the verification of links\n" in nepi_process("logs", "roped").out
    assert nepi_process("replay", "roped").out.endswith("the same decisions\n")
