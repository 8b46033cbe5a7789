"""The page on the lab: its experiment is run as it stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "lab.md"

pytestmark = [pytest.mark.root, pytest.mark.netns]


def test_the_experiment_of_the_page_runs_on_two_hosts(tmp_path: Path) -> None:
    (program,) = [block.text for block in blocks_of(PAGE, "lab.md") if block.language == "python" and "Lab(2)" in block.text]
    environment = {**os.environ, "NEPI_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 packets transmitted, 3 received" in done.stdout
