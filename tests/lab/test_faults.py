"""What can be done to a lab's hosts, and what their clients see of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from nepi.errors import ResourceError
from nepi.lab import Lab
from tests.lab.ssh import said, ssh

pytestmark = [pytest.mark.root, pytest.mark.netns]
FAST = ("-o", "ConnectTimeout=1")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(2, disk_bytes=64 << 20) as lab:
        yield lab


def test_a_rebooted_host_keeps_its_disk_and_nothing_else(lab: Lab) -> None:
    kept = "for f in /etc/kept /root/kept /home/kept; do echo $f >$f; done; echo x >/tmp/lost; echo x >/run/lost"
    said(lab, "h1", f"{kept}; setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
    before = said(lab, "h1", "cat /proc/sys/kernel/random/boot_id")
    lab.reboot("h1")
    assert said(lab, "h1", "cat /etc/kept /root/kept /home/kept; ls /tmp /run/lost 2>/dev/null; pgrep sleep; true") == (
        "/etc/kept\n/root/kept\n/home/kept\n/tmp:\n"
    )
    assert said(lab, "h1", "cat /proc/sys/kernel/random/boot_id") != before


def test_a_halted_host_is_down_and_can_be_booted_again(lab: Lab) -> None:
    lab.halt("h1")
    assert not lab.is_running("h1")
    with pytest.raises(ResourceError, match="the host is down"):
        lab.run("h1", ["true"])
    assert ssh(lab, "h1", "true", *FAST).returncode == 255
    lab.reboot("h1")
    assert said(lab, "h1", "hostname") == "h1\n"


def test_an_ssh_server_that_was_killed_takes_its_connections_with_it(lab: Lab) -> None:
    argv = lab.ssh("h1", "echo here; exec sleep 1000")
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "here\n"
        lab.stop_sshd("h1")
        assert session.wait(30) == 255
    assert "Connection refused" in ssh(lab, "h1", "true").stderr
    lab.start_sshd("h1")
    assert said(lab, "h1", "pgrep sleep | wc -l; pkill sleep") == "1\n"


def test_an_ssh_server_can_be_replaced_without_its_connections(lab: Lab) -> None:
    argv = lab.ssh("h1", "cat")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        print("one", file=session.stdin, flush=True)
        assert session.stdout.readline() == "one\n"
        lab.set_sshd("h1", {"MaxSessions": 1})
        print("two", file=session.stdin, flush=True)
        assert session.stdout.readline() == "two\n"
    assert said(lab, "h1", "sshd -T | grep maxsessions") == "maxsessions 1\n"
    lab.set_sshd("h1", {})
    assert said(lab, "h1", "sshd -T | grep maxsessions") == "maxsessions 10\n"


def test_a_host_that_was_cut_off_answers_again_once_it_is_healed(lab: Lab) -> None:
    lab.cut("h1")
    assert "timed out" in ssh(lab, "h1", "true", *FAST).stderr
    assert lab.run("h1", ["sh", "-c", "pwd; cat /sys/class/net/eth0/carrier"]).stdout == "/\n1\n"
    assert ssh(lab, "h2", "true").returncode == 0
    lab.heal("h1")
    assert said(lab, "h1", "hostname") == "h1\n"


def test_a_delayed_host_answers_later_and_a_cut_one_with_a_delay_not_at_all(lab: Lab) -> None:
    for delay, least_s in (("200ms", 0.4), (0.05, 0.1)):
        lab.delay("h1", delay)
        for began in (time.monotonic(),):
            lab_ping(lab, "h1")
            assert time.monotonic() - began >= least_s
    assert said(lab, "h1", "seq 100000 | tail -n 1") == "100000\n"
    lab.cut("h1")
    assert subprocess.run(["ping", "-q", "-c", "1", "-W", "0.3", lab.host("h1").address], capture_output=True, check=False).returncode == 1
    lab.heal("h1")
    lab_ping(lab, "h1")
    lab.delay("h1", 0)
    lab_ping(lab, "h1")


def lab_ping(lab: Lab, host: str) -> None:
    subprocess.run(["ping", "-q", "-c", "1", "-W", "20", lab.host(host).address], capture_output=True, check=True)


def test_a_reboot_ends_a_delay(lab: Lab) -> None:
    lab.delay("h2", "10s")
    lab.reboot("h2")
    assert said(lab, "h2", "hostname", *FAST) == "h2\n"


def test_a_full_disk_takes_nothing_more_until_there_is_room_again(lab: Lab) -> None:
    lab.fill_disk("h1")
    for folder in ("/etc", "/root", "/home/nepi", "/tmp"):
        assert ssh(lab, "h1", f"echo something >{folder}/something").stderr.endswith("No space left on device\n")
    assert said(lab, "h2", "echo something >/root/something; cat /root/something") == "something\n"
    lab.free_disk("h1")
    assert said(lab, "h1", "echo something >/root/something; cat /root/something") == "something\n"


@pytest.mark.parametrize(("offset", "seconds"), [("1h", 3600), ("-2h", -7200), (0, 0)])
def test_the_clock_of_a_host_can_be_wrong(lab: Lab, offset: str | float, seconds: int) -> None:
    lab.skew_clock("h1", offset)
    before = time.time()
    shell, python, bash = (
        float(text) for text in said(lab, "h1", "date +%s.%N; python3 -c 'import time; print(time.time())'; echo $EPOCHREALTIME").split()
    )
    assert before + seconds <= shell <= python <= bash <= time.time() + seconds
    assert said(lab, "h1", "timeout 5 sleep 0.01; echo $?") == "0\n"
