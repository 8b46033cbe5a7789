"""A lab's hosts, reached as any host is: by OpenSSH's client, with the files that the lab gives out."""

from __future__ import annotations

import subprocess

import pytest

from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab

pytestmark = [pytest.mark.root, pytest.mark.netns]


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3, jump=True)


def on(lab: Lab, host: str, command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host by ssh."""
    argv = lab.ssh(host, command)
    return subprocess.run([argv[0], "-l", user, *argv[1:]], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_each_host_is_reached_by_ssh_and_knows_its_name(lab: Lab) -> None:
    said = {host.name: on(lab, host.name, "hostname").stdout for host in lab.hosts}
    assert said == {"h1": "h1\n", "h2": "h2\n", "h3": "h3\n"}
