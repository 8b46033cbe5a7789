"""The suite's own safeguards, tried on a suite of a few lines in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CONFTEST = Path(__file__).with_name("conftest.py")


def run_suite(folder: Path, text: str, *arguments: str, ci: bool = True) -> tuple[int, str]:
    """Run `text` as a test file beside a copy of our conftest; return pytest's status and output."""
    (folder / "conftest.py").write_text(CONFTEST.read_text().replace("LEAK_GRACE_S: Final = 2.0", "LEAK_GRACE_S: Final = 0.1"))
    (folder / "test_it.py").write_text(text)
    markers = "[pytest]\nmarkers =\n  netns:\n  root:\n  slow:\n  leaves(reason):\n"
    (folder / "pytest.ini").write_text(markers)
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "NEPI_CI") and not name.startswith("PYTEST_")}
    if ci:
        environ["NEPI_CI"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pytest.ini", *arguments]
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


SKIPS = "import pytest\ndef test_good(): pass\ndef test_skipped(): pytest.skip({reason!r})\n"


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_ci_fails_on_a_skip_that_it_did_not_expect(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, output = run_suite(tmp_path, SKIPS.format(reason="moon is full"), *arguments)
    assert status == 1
    assert "test_it.py::test_skipped: moon is full" in output


def test_ci_fails_on_a_whole_file_that_skips(tmp_path: Path) -> None:
    status, output = run_suite(tmp_path, "import pytest\npytest.importorskip('no_such_module')\n", "-n", "1")
    assert status != 0
    assert "no_such_module" in output


def test_ci_accepts_a_skip_that_it_expects(tmp_path: Path) -> None:
    status, _ = run_suite(tmp_path, SKIPS.format(reason="needs netem: this kernel has none"))
    assert status == 0


def test_skip_on_a_users_machine_is_no_failure(tmp_path: Path) -> None:
    status, _ = run_suite(tmp_path, SKIPS.format(reason="moon is full"), ci=False)
    assert status == 0


LEAKS = """
import os, subprocess, threading, time, pytest
held = []
def test_file(): held.append(open('/dev/null'))
def test_child(): held.append(subprocess.Popen(['sleep', '5']))
@pytest.mark.slow
def test_detached():
    script = 'setsid sh -c "echo up; exec >/dev/null 2>&1; sleep 5; :" &'
    with subprocess.Popen(['sh', '-c', script], stdout=subprocess.PIPE) as shell:
        assert shell.stdout.readline() == b'up\\n'
def test_thread(): threading.Thread(target=time.sleep, args=(5,), daemon=True, name='forgotten').start()
@pytest.mark.leaves('on purpose')
def test_meant(): held.append(open('/dev/null'))
def test_clean(): pass
"""


def test_what_a_test_leaves_behind_is_named(tmp_path: Path) -> None:
    status, output = run_suite(tmp_path, LEAKS)
    assert status == 1
    assert "6 passed, 4 errors" in output
    for line in ("-> /dev/null", " sleep 5", " sh -c echo up", " forgotten"):
        assert line in output
