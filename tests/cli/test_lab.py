"""`nepi lab`, as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import nepi, nepi_process


@pytest.mark.root
@pytest.mark.netns
def test_a_lab_is_made_used_and_given_back(home: Path) -> None:
    folder = home.parent / "lab"
    made = nepi("lab", "up", "2", "--jump", "--disk", "64MiB")
    assert made.status == 0
    assert re.fullmatch(
        r"host  address +port  behind  state\n"
        r"h1    10\.2\d\d\.\d+\.1 +22    -       running\n"
        r"h2    10\.2\d\d\.\d+\.2 +22    h1      running\n"
        rf"\nssh -F {folder}/ssh_config h1\n",
        made.out,
    )
    try:
        assert nepi("lab", "up", "1").err == f"nepi: {folder} has a lab of 2 hosts; take it down first: nepi lab down --dir {folder}\n"
        hosts = json.loads(nepi("lab", "status", "--json").out)["hosts"]
        assert [(host["name"], host["port"], host["behind"], host["running"]) for host in hosts] == [
            ("h1", 22, "", True),
            ("h2", 22, "h1", True),
        ]
        inside = nepi_process("lab", "ssh", "-l", "nepi", "h2", "hostname; exit 7")
        assert (inside.status, inside.out) == (7, "h2\n")
    finally:
        gone = nepi("lab", "down")
    assert (gone.status, gone.err) == (0, f"The lab in {folder} is gone.\n")
    assert not folder.exists()


def test_taking_down_a_lab_that_is_not_there_is_harmless(home: Path) -> None:
    folder = home.parent / "lab"
    assert nepi("lab", "down").err == f"There is no lab in {folder}.\n"
    asked = nepi("lab", "status")
    assert (asked.status, asked.err) == (2, f"nepi: there is no lab in {folder}; `nepi lab up 2` makes one\n")
