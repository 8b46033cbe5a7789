"""A lab's hosts, reached as any host is."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from nepi.errors import UnknownResourceError
from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab
from tests.lab.ssh import said, ssh

pytestmark = [pytest.mark.root, pytest.mark.netns]


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3, jump=True)


def test_each_host_is_reached_by_ssh_and_knows_its_name(lab: Lab) -> None:
    assert {host.name: said(lab, host.name, "hostname; cat /etc/hostname") for host in lab.hosts} == {
        name: f"{name}\n{name}\n" for name in ("h1", "h2", "h3")
    }


def test_the_same_lab_is_given_out_for_the_same_arguments(lab: Lab, ssh_lab: MakeLab) -> None:
    assert ssh_lab(3, jump=True) is lab


def test_a_hidden_host_is_reached_through_its_jump_host_only(lab: Lab) -> None:
    assert [host.behind for host in lab.hosts] == ["", "", "h1"]
    with socket.socket() as direct, pytest.raises(OSError, match="No route to host|Network is unreachable"):
        direct.connect((lab.host("h3").address, lab.host("h3").port))


def test_hosts_do_not_see_each_others_files_nor_the_machines_homes_nor_the_key_of_the_lab(lab: Lab) -> None:
    said(lab, "h1", "for folder in /etc /root /home /tmp /var/tmp /usr/local /run /dev/shm; do echo secret >$folder/of-h1; done")
    for host in ("h2", "h3"):
        assert (
            said(lab, host, "ls /*/of-h1 /*/*/of-h1 2>/dev/null; ls /root /home /tmp; true") == "/home:\nnepi\nplain\n\n/root:\n\n/tmp:\n"
        )
    assert ssh(lab, "h1", f"cat {lab.identity}").returncode == 1
    assert not Path("/etc/of-h1").exists()


def test_hosts_see_no_processes_but_their_own(lab: Lab) -> None:
    first, *names = said(lab, "h1", "cat /proc/1/comm /proc/[0-9]*/comm").split()
    assert first == "sh"
    assert set(names) <= {"sh", "bash", "cat", "sshd", "sshd-session"}


def test_each_host_has_a_boot_id_of_its_own(lab: Lab) -> None:
    machine = Path("/proc/sys/kernel/random/boot_id").read_text()
    ids = {said(lab, host.name, "cat /proc/sys/kernel/random/boot_id") for host in lab.hosts}
    assert len(ids | {machine}) == 4


def test_apt_really_installs_on_one_host_and_not_on_the_others(lab: Lab) -> None:
    install = "export DEBIAN_FRONTEND=noninteractive; apt-get update 2>&1 && apt-get install -y nepi-lab-hello 2>&1"
    done = ssh(lab, "h1", install)
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith(("W:", "E:", "Err:"))] == []
    assert said(lab, "h1", "nepi-lab-hello; dpkg-query -W nepi-lab-hello") == "hello from h1, version 1.0\nnepi-lab-hello\t1.0\n"
    assert ssh(lab, "h2", "nepi-lab-hello").returncode == 127


def test_a_package_that_does_not_exist_is_not_installed(lab: Lab) -> None:
    done = ssh(lab, "h2", "apt-get update >/dev/null 2>&1; apt-get install -y no-such-package")
    assert (done.returncode, done.stderr) == (100, "E: Unable to locate package no-such-package\n")


def test_one_user_may_become_root_and_the_other_may_not(lab: Lab) -> None:
    assert said(lab, "h1", "id -un; pwd; sudo -n id -un", "-l", "nepi") == "nepi\n/home/nepi\nroot\n"
    refused = ssh(lab, "h1", "id -un; sudo -n id -un", "-l", "plain")
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "plain\n", "sudo: a password is required\n")


def test_no_password_of_the_machine_is_in_a_host(lab: Lab) -> None:
    assert {line.split(":")[1] for line in said(lab, "h1", "cat /etc/shadow").splitlines()} == {"*"}


def test_a_host_with_another_key_than_the_known_one_is_refused(lab: Lab, tmp_path: Path) -> None:
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"{lab.host('h1').address} {lab.host('h2').host_key}\n")
    done = ssh(lab, "h1", "true", "-o", f"UserKnownHostsFile={wrong}")
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_nobody_gets_in_without_the_key_of_the_lab(lab: Lab) -> None:
    host = lab.host("h1")
    argv = ["ssh", "-F", "none", "-i", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={lab.known_hosts}", f"root@{host.address}"]
    refused = subprocess.run([*argv, "true"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (255, f"root@{host.address}: Permission denied (publickey).")


def test_hosts_know_each_other_by_name_and_key(lab: Lab) -> None:
    assert ssh(lab, "h1", "ssh -o BatchMode=yes h2 true").stderr == "root@h2: Permission denied (publickey).\n"


def test_a_tunnel_between_hosts_carries_packets(lab: Lab) -> None:
    for here, there, own in (("h1", "h2", "192.0.2.1"), ("h2", "h1", "192.0.2.2")):
        remote = lab.host(there).address
        add = f"ip link add vx0 type vxlan id 7 remote {remote} dstport 4789 dev eth0"
        said(lab, here, f"{add} && ip addr add {own}/24 dev vx0 && ip link set vx0 up")
    assert "0% packet loss" in said(lab, "h1", "ping -q -c 1 -W 10 192.0.2.2")
    for host in ("h1", "h2"):
        said(lab, host, "ip link del vx0")


def test_namespaces_can_be_made_in_a_host(lab: Lab) -> None:
    assert said(lab, "h2", "ip netns add inner && ip netns exec inner ip -br link && ip netns del inner").startswith("lo ")


def test_orphans_in_a_host_are_buried(lab: Lab) -> None:
    orphans = said(lab, "h1", "for i in 1 2 3; do (setsid sh -c 'echo $$; exec true' &) ; done").split()
    ended = (
        "for i in {1..500}; do ls -d "
        + " ".join(f"/proc/{pid}" for pid in orphans)
        + " >/dev/null 2>&1 || exit 0; sleep 0.01; done; exit 1"
    )
    assert ssh(lab, "h1", ended).returncode == 0


def test_a_host_that_is_not_there_is_named(lab: Lab) -> None:
    with pytest.raises(UnknownResourceError, match="no host 'h4'.*it has h1, h2, h3"):
        lab.ssh("h4")
