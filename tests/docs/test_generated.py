from __future__ import annotations

import subprocess
import sys

from tests.docs.runs import ROOT


def test_the_generated_pages_of_the_reference_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
