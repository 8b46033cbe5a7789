"""How the tests of labs talk to hosts: by OpenSSH's client, with the files that a lab gives out."""

from __future__ import annotations

import subprocess

from nepi.lab import Lab

DEADLINE_S = 60.0


def ssh(lab: Lab, host: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host."""
    program, *rest = lab.ssh(host, command)
    argv = [program, "-o", "BatchMode=yes", *options, *rest]
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=DEADLINE_S)


def said(lab: Lab, host: str, command: str, *options: str) -> str:
    """Return what a command writes that must not fail."""
    done = ssh(lab, host, command, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
