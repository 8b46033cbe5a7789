"""How the tests of labs talk to hosts: by OpenSSH's client, with the files that a lab gives out."""

from __future__ import annotations

import subprocess

from nepi.lab import Lab

DEADLINE_S = 60.0
QUICK = ("-o", "BatchMode=yes", "-o", "KexAlgorithms=curve25519-sha256")
"""What OpenSSH agrees on by itself costs a connection three times as much processor time."""


def ssh(lab: Lab, host: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host."""
    program, *rest = lab.ssh(host, command)
    argv = [program, *QUICK, *options, *rest]
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=DEADLINE_S)


def said(lab: Lab, host: str, command: str, *options: str) -> str:
    """Return what a command writes that must not fail."""
    done = ssh(lab, host, command, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
